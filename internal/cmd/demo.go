package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/p2p/chat"
	"p2ptool/p2p/identity"
)

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "watch it work on this machine: a server, two peers, a chat, a file",
		Description: about("p2ptool demo\n"+
			"p2ptool demo --size 2GB", "It needs no config, and leaves nothing behind."),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "size", Usage: "send a file of `SIZE`", Value: "256MB"},
		},
		Action: p.demo,
	}
}

func (p *program) demo(c *cli.Context) (err error) {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	size, err := config.ParseSize(c.String("size"))
	if err != nil {
		return usage("--size: %w", err)
	}
	dir, err := os.MkdirTemp("", "p2ptool-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{p: p, dir: dir, size: int64(size), received: make(chan received, 1)}
	defer func() { err = errors.Join(err, d.close()) }()
	return d.play(c.Context)
}

// A demo is a server and two peers in this process. They communicate over sockets, as
// separate processes would.
type demo struct {
	p      *program
	dir    string
	size   int64
	server *p2p.Server
	ann    *p2p.Peer // connects and sends
	bob    *p2p.Peer // receives

	bobChat  *chat.Session
	received chan received
}

// play runs the steps. Each prints a line with the time that it took.
func (d *demo) play(ctx context.Context) error {
	var link *p2p.Link
	for _, step := range []func(context.Context) error{
		d.serve,
		d.register,
		func(ctx context.Context) (err error) { link, err = d.connect(ctx); return err },
		func(ctx context.Context) error { return d.chat(ctx, link) },
		func(ctx context.Context) error { return d.file(ctx, link) },
	} {
		err := step(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
	d.p.out.payload("all is well")
	return nil
}

// report prints the result of a step.
func (d *demo) report(since time.Time, format string, args ...any) {
	d.p.out.payload("%9s  %s", terminal.Duration(time.Since(since)), fmt.Sprintf(format, args...))
}

func (d *demo) serve(context.Context) error {
	begun := time.Now()
	key, err := identity.GenerateKey()
	if err != nil {
		return err
	}
	d.server, err = p2p.NewServer(p2p.ServerOptions{Key: key, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	d.report(begun, "a server is listening on %s", d.server.Addr())
	d.p.out.event(listeningEvent{Addr: d.server.Addr().String(), Key: key.Public().String()})
	return nil
}

func (d *demo) register(ctx context.Context) (err error) {
	begun := time.Now()
	d.bobChat = chat.New(chat.Options{})
	if d.ann, err = d.peer("ann", nil); err != nil {
		return err
	}
	d.bob, err = d.peer("bob", map[string]func(*p2p.Link, *p2p.Stream){
		kindChat: func(_ *p2p.Link, s *p2p.Stream) { d.bobChat.Run(ctx, s) },
		kindFile: func(_ *p2p.Link, s *p2p.Stream) { d.received <- d.receive(ctx, s) },
	})
	if err != nil {
		return err
	}
	for _, peer := range []*p2p.Peer{d.ann, d.bob} {
		if err := peer.Registered(ctx); err != nil {
			return err
		}
	}
	d.report(begun, "ann is %s, bob is %s: both are registered", d.ann.GUID(), d.bob.GUID())
	return nil
}

func (d *demo) peer(name string, handlers map[string]func(*p2p.Link, *p2p.Stream)) (*p2p.Peer, error) {
	key, err := identity.GenerateKey()
	if err != nil {
		return nil, err
	}
	return p2p.NewPeer(p2p.PeerOptions{
		Key:      key,
		Server:   d.server.Addr().String(),
		Listen:   "127.0.0.1:0",
		Name:     name,
		Listed:   true,
		Handlers: handlers,
		CheckServerKey: func(_ string, key identity.PublicKey) error {
			if !key.Equal(d.server.Key()) {
				return p2p.ErrServerKey
			}
			return nil
		},
	})
}

func (d *demo) connect(ctx context.Context) (*p2p.Link, error) {
	begun := time.Now()
	link, err := d.ann.Connect(ctx, d.bob.GUID(), p2p.ConnectOptions{})
	if err != nil {
		return nil, err
	}
	d.report(begun, "ann found bob by GUID, path %s", describe(link.Path()))
	d.p.out.event(connectedEvent{d.p.fieldsOf(link.Peer(), link.Path())})
	return link, nil
}

// chat sends a line each way.
func (d *demo) chat(ctx context.Context, link *p2p.Link) error {
	begun := time.Now()
	stream, err := link.OpenStream(kindChat)
	if err != nil {
		return err
	}
	annChat := chat.New(chat.Options{})
	ended := make(chan error, 1)
	go func() { ended <- annChat.Run(ctx, stream) }()
	err = errors.Join(
		d.line(ctx, annChat, d.bobChat, d.ann.GUID(), "hello bob"),
		d.line(ctx, d.bobChat, annChat, d.bob.GUID(), "hello ann"))
	err = errors.Join(err, annChat.Close(ctx), <-ended)
	if err != nil {
		return fmt.Errorf("chatting: %w", err)
	}
	d.report(begun, "ann and bob said hello, both lines were delivered")
	return nil
}

// line sends one line and waits until it is delivered.
func (d *demo) line(ctx context.Context, from, to *chat.Session, who p2p.GUID, text string) error {
	id, err := from.Send(ctx, text)
	if err != nil {
		return err
	}
	m, err := to.Receive(ctx)
	if err != nil {
		return err
	}
	if m.Text != text {
		return fmt.Errorf("sent %q, but received %q", text, m.Text)
	}
	d.p.out.event(messageEvent{d.p.who(who), m.Text, m.ID})
	if err := from.WaitDelivered(ctx); err != nil {
		return err
	}
	d.p.out.event(deliveredEvent{d.p.who(who), id})
	return nil
}

// close closes the peers and the server.
func (d *demo) close() error {
	var errs []error
	for _, peer := range []*p2p.Peer{d.ann, d.bob} {
		if peer != nil {
			errs = append(errs, peer.Close())
		}
	}
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	return errors.Join(errs...)
}
