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
	p     *program
	rules rules
	out   io.Writer // takes the one file of a transfer; nil: it goes to a folder
	host  bench.Host

	questions *questions
	mu        sync.Mutex
	ask       asker // how one is put; nil: on the terminal

	received func(path string) // is told of each file, once its transfer is over; may be nil
	ended    func(outcome)     // is told of each transfer that is over; may be nil
}

// An asker puts a question to the person, and returns whether the answer was yes.
type asker func(ctx context.Context, question string) (bool, error)

// An outcome is how a transfer ended.
type outcome struct {
	peer p2p.GUID
	err  error
}

// Reasons for which a person's answer is no.
var (
	errSaidNo   = errors.New("the person there said no")
	errNobodyIs = errors.New("nobody is there to say yes")
)

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
	return func(ctx context.Context, question string) (bool, error) {
		return terminal.Ask(ctx, in.p.env.Stdin, in.p.env.Stderr, question)
	}
}

// take is the handler of file streams: it receives one transfer.
func (in *inbox) take(ctx context.Context, link *p2p.Link, stream *p2p.Stream) {
	err := in.receive(ctx, link, stream)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("receiving from %q: %w", in.name(link), err)
	}
	if in.ended != nil {
		in.ended(outcome{link.Peer(), err})
	} else if err != nil && ctx.Err() == nil {
		in.p.complain(err)
	}
}

func (in *inbox) name(link *p2p.Link) string { return nameOf(in.rules.cfg, link.Peer()) }

func (in *inbox) receive(ctx context.Context, link *p2p.Link, stream *p2p.Stream) error {
	stream.SetPriority(bulkPriority)
	dir := in.rules.dir(link.Peer())
	if in.out == nil {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			stream.Close()
			return err
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
			in.p.out.event(offerEvent{link.Peer().String(), hex.EncodeToString(o.ID[:]), o.Files, o.Bytes})
			return in.decide(ctx, link, o)
		},
		OnEvent: func(e transfer.Event) {
			w.tell(e)
			if f, ok := e.(transfer.File); ok && f.Status == transfer.StatusReceived && len(paths) < maxArrivals {
				paths = append(paths, filepath.Join(dir, filepath.FromSlash(f.Path)))
			}
		},
	})
	w.end(res, err)
	for _, path := range paths {
		if in.received != nil {
			in.received(path)
		}
	}
	return err
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
	if !terminal.IsTerminal(in.p.env.Stdin) {
		return errNobodyIs
	}
	yes, err := in.questions.put(ctx, link.Peer(), link, func(ctx context.Context) (bool, error) { return in.asker()(ctx, question) })
	if err == nil && !yes {
		return errSaidNo
	}
	return err
}
