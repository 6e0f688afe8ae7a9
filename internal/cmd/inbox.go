package cmd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"p2ptool/internal/bench"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

// The kinds of streams, after docs/protocol.md.
const (
	kindFile  = "file"
	kindChat  = "chat"
	kindBench = "bench"
)

// An inbox receives the files that peers send, by the rules.
type inbox struct {
	p       *program
	rules   rules
	yesFlag string    // names the flag that accepts without asking, for a hint; may be empty
	out     io.Writer // receives the only file of a transfer; nil: files go to a folder
	host    bench.Host

	questions  *questions
	unfinished atomic.Int32 // accepted transfers that have not ended, or that the program's end interrupted
	mu         sync.Mutex
	ask        asker // asks the user; nil: asks on the terminal

	received func(peer p2p.GUID, path string) // is called with each file after its transfer; may be nil
	ended    func(outcome)                    // is called at the end of each transfer; may be nil
}

// An outcome is how a transfer ended.
type outcome struct {
	peer     p2p.GUID
	accepted bool // its offer
	err      error
}

// setAsk sets how to ask the user. Nil asks on stderr and reads the answer from stdin.
func (in *inbox) setAsk(ask asker) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ask = ask
}

func (in *inbox) asker() asker {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ask != nil {
		return in.ask
	}
	return in.p.ask
}

// handleFile is the handler of file streams. It receives one transfer.
func (in *inbox) handleFile(ctx context.Context, link *p2p.Link, stream *p2p.Stream) {
	defer in.p.activities.begin(link)()
	accepted, err := in.receive(ctx, link, stream)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("receiving from %q: %w", in.name(link), err)
	}
	if in.ended != nil {
		in.ended(outcome{link.Peer(), accepted, err})
	} else if err != nil && ctx.Err() == nil && (accepted || in.reports(link.Peer())) {
		in.p.complain(in.explain(err))
	}
}

func (in *inbox) name(link *p2p.Link) string { return nameOf(in.rules.cfg, link.Peer()) }

// receive receives one transfer, and reports whether its offer was accepted.
func (in *inbox) receive(ctx context.Context, link *p2p.Link, stream *p2p.Stream) (accepted bool, err error) {
	stream.SetPriority(bulkPriority)
	dir := in.rules.dir(link.Peer())
	if in.out == nil {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			stream.Close()
			return false, err
		}
	}
	w := in.p.watch(receivingFrom, in.name(link), link)
	if in.out == nil {
		w.dir = dir
	}
	var paths []string
	res, err := transfer.Receive(ctx, stream, transfer.ReceiveOptions{
		Dir:      dir,
		Writer:   in.out,
		Peer:     link.Peer().String(),
		Conflict: in.rules.conflict(),
		MaxSize:  int64(in.rules.cfg.Receive.MaxSize),
		Accept: func(ctx context.Context, o transfer.Offer) error {
			if verdict, _ := in.rules.judge(link.Peer(), o); verdict == accept || in.rules.knows(link.Peer()) || in.p.offers.allow(offerRate) {
				in.p.out.event(offerEvent{in.p.who(link.Peer()), hex.EncodeToString(o.ID[:]), o.Files, o.Bytes})
			}
			return in.decide(ctx, link, o)
		},
		OnEvent: func(e transfer.Event) {
			w.onEvent(e)
			if _, ok := e.(transfer.Accepted); ok {
				in.unfinished.Add(1)
				accepted = true
				link.Trust()
			}
			if f, ok := e.(transfer.File); ok && f.Status == transfer.StatusReceived && len(paths) < maxArrivals {
				paths = append(paths, filepath.Join(dir, filepath.FromSlash(f.Path)))
			}
		},
	})
	w.end(res, err)
	if accepted && ctx.Err() == nil {
		in.unfinished.Add(-1)
	}
	if te, ok := errors.AsType[*transfer.Error](err); ok && te.Resumable && accepted && in.out == nil {
		in.reportUnfinished(dir)
	}
	for _, path := range paths {
		if in.received != nil {
			in.received(link.Peer(), path)
		}
	}
	return accepted, err
}

// reportUnfinished prints where verified data of unfinished transfers is, if there is any.
func (in *inbox) reportUnfinished(dir string) {
	if u, err := transfer.FindUnfinished(dir); err == nil && u.Files > 0 {
		in.p.out.note("unfinished transfers keep %s in %q for %d days", terminal.Bytes(u.Bytes), u.Dir, int(transfer.KeepUnfinished.Hours()/24))
	}
}

// decide answers an offer by the rules, which may ask the user. The error is the reason of a no.
func (in *inbox) decide(ctx context.Context, link *p2p.Link, o transfer.Offer) error {
	dir := ""
	if in.out == nil {
		dir = in.rules.dir(link.Peer())
	}
	return in.allowed(ctx, link, o, question(in.name(link), o, dir))
}

// allowed returns the reason if the rules or the user decline. The offer of a measurement is
// empty.
func (in *inbox) allowed(ctx context.Context, link *p2p.Link, o transfer.Offer, question string) error {
	switch v, err := in.rules.judge(link.Peer(), o); {
	case v == refuse:
		return err
	case v == accept:
		return nil
	}
	if err := in.p.mayAsk(); err != nil {
		return err
	}
	return answered(in.questions.put(ctx, in.asking(link), func(ctx context.Context) (bool, error) {
		if err := in.p.mayAsk(); err != nil { // it may have changed while the question waited
			return false, err
		}
		return in.asker()(ctx, question)
	}))
}

// asking returns who asks over a link.
func (in *inbox) asking(link *p2p.Link) asking {
	_, known := in.rules.contact(link.Peer())
	return asking{process{link.Peer(), link.Instance()}, link, known}
}

// reports reports whether to print why nothing came of a stream of the peer.
func (in *inbox) reports(peer p2p.GUID) bool {
	return in.rules.knows(peer) || in.p.failures.allow(failureRate)
}

// explain adds a hint to the error of an offer that nobody could be asked about.
func (in *inbox) explain(err error) error {
	asked, ok := errors.AsType[*notAskedError](err)
	if !ok {
		return err
	}
	return hint(err, "%s, so the offer was declined; %sset accept under [receive] in the config to \"contacts\" or \"all\"", asked.why, in.yesFlag)
}

// resumeHint returns how to resume if an accepted transfer is unfinished, else "".
func (in *inbox) resumeHint() string {
	if in.unfinished.Load() == 0 {
		return ""
	}
	return "verified data of unfinished transfers is kept; receive from the same peer into the same folder to resume"
}
