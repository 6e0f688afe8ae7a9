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

// An inbox takes the files that peers send, by the rules.
type inbox struct {
	p       *program
	rules   rules
	yesFlag string    // how to accept without asking on the command line; may be empty
	out     io.Writer // takes the one file of a transfer; nil: it goes to a folder
	host    bench.Host

	questions *questions
	open      atomic.Int32 // accepted transfers that have not ended by themselves
	mu        sync.Mutex
	ask       asker // how one is put; nil: on the terminal

	received func(path string) // is told of each file, once its transfer is over; may be nil
	ended    func(outcome)     // is told of each transfer that is over; may be nil
}

// An outcome is how a transfer ended.
type outcome struct {
	peer     p2p.GUID
	accepted bool // its offer
	err      error
}

// setAsk says how to ask from now on; nil: on stderr, with the answer on stdin.
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

// take is the handler of file streams: it receives one transfer.
func (in *inbox) take(ctx context.Context, link *p2p.Link, stream *p2p.Stream) {
	defer in.p.activities.begin(link)()
	accepted, err := in.receive(ctx, link, stream)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("receiving from %q: %w", in.name(link), err)
	}
	if in.ended != nil {
		in.ended(outcome{link.Peer(), accepted, err})
	} else if err != nil && ctx.Err() == nil {
		in.p.complain(in.explain(err))
	}
}

func (in *inbox) name(link *p2p.Link) string { return nameOf(in.rules.cfg, link.Peer()) }

// receive takes one transfer, and reports whether its offer was accepted.
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
			in.p.out.event(offerEvent{in.p.who(link.Peer()), hex.EncodeToString(o.ID[:]), o.Files, o.Bytes})
			return in.decide(ctx, link, o)
		},
		OnEvent: func(e transfer.Event) {
			w.tell(e)
			if _, ok := e.(transfer.Accepted); ok {
				in.open.Add(1)
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
		in.open.Add(-1)
	}
	if te, ok := errors.AsType[*transfer.Error](err); ok && te.Resumable && accepted && in.out == nil {
		in.tellUnfinished(dir)
	}
	for _, path := range paths {
		if in.received != nil {
			in.received(path)
		}
	}
	return accepted, err
}

// tellUnfinished says where verified data of unfinished transfers is, if there is any.
func (in *inbox) tellUnfinished(dir string) {
	if u, err := transfer.FindUnfinished(dir); err == nil && u.Files > 0 {
		in.p.out.note("%s of unfinished transfers is kept in %q for %d days", terminal.Bytes(u.Bytes), u.Dir, int(transfer.KeepUnfinished.Hours()/24))
	}
}

// decide answers an offer by the rules, and asks the person where they say so.
func (in *inbox) decide(ctx context.Context, link *p2p.Link, o transfer.Offer) error {
	dir := ""
	if in.out == nil {
		dir = in.rules.dir(link.Peer())
	}
	return in.allowed(ctx, link, o, question(in.name(link), o, dir))
}

// allowed returns why not, if the rules or the person say no. Of a measurement the
// offer is empty.
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
		if err := in.p.mayAsk(); err != nil { // by now
			return false, err
		}
		return in.asker()(ctx, question)
	}))
}

// asking says who asks over a link.
func (in *inbox) asking(link *p2p.Link) asking {
	_, known := in.rules.contact(link.Peer())
	return asking{process{link.Peer(), link.Instance()}, link, known}
}

// explain adds what the user can do.
func (in *inbox) explain(err error) error {
	asked, ok := errors.AsType[*notAskedError](err)
	if !ok {
		return err
	}
	return hint(err, "%s, so nobody was asked; %sset accept under [receive] in the config to \"contacts\" or \"all\"", asked.why, in.yesFlag)
}

// kept says how to resume, if an accepted transfer is unfinished; else it is empty.
func (in *inbox) kept() string {
	if in.open.Load() == 0 {
		return ""
	}
	return "verified data of unfinished transfers is kept; receive from the same peer into the same folder to resume"
}
