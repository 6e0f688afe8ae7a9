package cmd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
)

// onlineFlags are those of all commands that go online.
func onlineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "server", Usage: "use the rendezvous server at `HOST:PORT`"},
		&cli.StringFlag{Name: "listen", Usage: "bind to `ADDRESS`, host:port"},
	}
}

// connectFlags are those of all commands that connect to a peer.
func connectFlags() []cli.Flag {
	return append(onlineFlags(),
		&cli.StringFlag{Name: "require", Usage: "be content with `PATH` only: direct, relay or any", Value: "any"},
		&cli.DurationFlag{Name: "wait", Usage: "wait for `DURATION` until the peer is online"},
	)
}

// online reads a config with a key, and applies the flags of onlineFlags.
func (p *program) online(c *cli.Context) (*config.Config, error) {
	cfg, err := p.identity(c)
	if err != nil {
		return nil, err
	}
	if c.IsSet("server") {
		server, err := config.ParseRemote(c.String("server"))
		if err != nil {
			return nil, usage("--server: %w", err)
		}
		if server != cfg.Peer.Server { // the pinned key is another server's
			cfg.Peer.Server, cfg.Peer.ServerKey = server, config.PublicKey{}
		}
	}
	if c.IsSet("listen") {
		if cfg.Peer.Listen, err = config.ParseAddress(c.String("listen")); err != nil {
			return nil, usage("--listen: %w", err)
		}
	}
	return cfg, nil
}

// require reads --require.
func require(c *cli.Context) (p2p.Require, error) {
	switch r := c.String("require"); r {
	case "", "any":
		return p2p.RequireAny, nil
	case "direct":
		return p2p.RequireDirect, nil
	case "relay":
		return p2p.RequireRelay, nil
	default:
		return 0, usage("--require: %q is not known, use \"direct\", \"relay\" or \"any\"", r)
	}
}

// A node is a running peer with what is said about it.
type node struct {
	*p2p.Peer
	p       *program
	cfg     *config.Config
	require p2p.Require
}

// role says as what a node registers.
type role struct {
	calling  bool // takes no calls
	handlers map[string]func(*p2p.Link, *p2p.Stream)
	quiet    bool // lifecycle lines are not for this command's user
}

// start makes a node of the config. It registers in the background.
func (p *program) start(cfg *config.Config, r role) (*node, error) {
	n := &node{p: p, cfg: cfg}
	peer, err := p2p.NewPeer(p2p.PeerOptions{
		Key:            cfg.SecretKey.SecretKey,
		Server:         string(cfg.Peer.Server),
		CheckServerKey: p.checkServer(cfg),
		Listen:         string(cfg.Peer.Listen),
		Calling:        r.calling,
		Name:           string(cfg.Peer.Name),
		Listed:         cfg.Peer.Listed && !r.calling,
		Handlers:       r.handlers,
		OnEvent:        (&reporter{p: p, cfg: cfg, quiet: r.quiet}).tell,
	})
	if err != nil {
		return nil, hint(err, "--listen HOST:PORT binds to another address")
	}
	n.Peer = peer
	return n, nil
}

// checkServer returns what decides on a server's key: the one that is pinned in
// the config, else the one that was shown first.
func (p *program) checkServer(cfg *config.Config) func(string, identity.PublicKey) error {
	if pinned := cfg.Peer.ServerKey; !pinned.IsZero() {
		return func(addr string, key identity.PublicKey) error {
			if key.Equal(pinned.PublicKey) {
				return nil
			}
			return hint(as(p2p.ErrServerKey, fmt.Errorf("server %q shows %s", addr, key)),
				"the expected one is server_key under [peer] in %s", cfg.File())
		}
	}
	return func(addr string, key identity.PublicKey) error {
		dir, err := p.state()
		if err != nil {
			return err
		}
		added, err := dir.trust(addr, key)
		if added {
			p.out.note("server %q is new here, its key is remembered: %s", addr, key)
		}
		return err
	}
}

// registered waits until the server knows the node.
func (n *node) registered(ctx context.Context) error {
	return n.serverError(n.Registered(ctx))
}

// serverError says which server it was, and what to do.
func (n *node) serverError(err error) error {
	if errors.Is(err, p2p.ErrNoServer) {
		err = as(p2p.ErrNoServer, fmt.Errorf("server %q does not answer", n.cfg.Peer.Server))
		return hint(err, "is `p2ptool serve` running there, and does UDP get through?")
	}
	return err
}

// connect makes one attempt to reach the target.
func (n *node) connect(ctx context.Context, t config.Target) (*p2p.Link, error) {
	ctx = p2p.WithRequire(ctx, n.require)
	var link *p2p.Link
	var err error
	if t.Addr != "" {
		link, err = n.ConnectAddr(ctx, t.GUID, string(t.Addr))
	} else {
		link, err = n.Connect(ctx, t.GUID)
	}
	switch {
	case err == nil:
		return link, nil
	case errors.Is(err, p2p.ErrOffline):
		err = as(p2p.ErrOffline, fmt.Errorf("peer %q is not online", t))
		return nil, hint(err, "--wait 10m waits for it")
	case errors.Is(err, p2p.ErrNoPath):
		return nil, hint(fmt.Errorf("peer %q: %w", t, err), "--require any allows the server's relay")
	case errors.Is(err, p2p.ErrNoServer):
		return nil, n.serverError(err)
	}
	return nil, fmt.Errorf("peer %q: %w", t, err)
}

// meet starts a node that is connected to the target, which is called at first.
// If it is not there, and may come within the wait, the node can be called
// as well from then on, so that two that wait for each other meet.
func (p *program) meet(ctx context.Context, cfg *config.Config, t config.Target, req p2p.Require, wait time.Duration, r role) (*node, error) {
	r.calling = true
	n, err := p.start(cfg, r)
	if err != nil {
		return nil, err
	}
	n.require = req
	if _, err = n.connect(ctx, t); err == nil {
		return n, nil
	}
	if closing := n.Close(); closing != nil || wait <= 0 || !mayCome(err) || ctx.Err() != nil {
		return nil, errors.Join(err, closing)
	}
	r.calling = false
	if n, err = p.start(cfg, r); err != nil {
		return nil, err
	}
	n.require = req
	if _, err := n.reach(ctx, t, wait); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// reach connects to the target, and tries again for as long as wait where it
// may still come.
func (n *node) reach(ctx context.Context, t config.Target, wait time.Duration) (*p2p.Link, error) {
	deadline := time.Now().Add(wait)
	var pause backoff
	for {
		link, err := n.connect(ctx, t)
		if err == nil || !mayCome(err) || !time.Now().Before(deadline) {
			return link, err
		}
		if pause == 0 {
			n.p.out.note("%s, waiting for it", terminal.Visible(err.Error()))
		}
		if err := pause.sleep(ctx, time.Until(deadline)); err != nil {
			return nil, err
		}
	}
}

// mayCome reports whether trying again later can help.
func mayCome(err error) bool {
	return errors.Is(err, p2p.ErrOffline) || errors.Is(err, p2p.ErrNoServer) || errors.Is(err, p2p.ErrNoPath)
}

// A backoff is the pause after a failed attempt: it doubles from a quarter of a second
// to 15 s, and is drawn from its upper half, so that many peers that lost
// the same server do not come back at once.
type backoff time.Duration

const (
	firstPause = backoff(250 * time.Millisecond)
	lastPause  = backoff(15 * time.Second)
)

// sleep pauses, for at most the given time, or until the context ends.
func (b *backoff) sleep(ctx context.Context, most time.Duration) error {
	*b = min(max(2*(*b), firstPause), lastPause)
	d := time.Duration(*b/2) + rand.N(time.Duration(*b/2))
	timer := time.NewTimer(min(d, most))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
