package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

// defaultTimeout is how long a server may take to answer, without --timeout.
const defaultTimeout = 10 * time.Second

// onlineFlags are the flags of all commands that go online.
func onlineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "server", Usage: "use the rendezvous server at `HOST[:PORT]`; the default port is 3478"},
		&cli.StringFlag{Name: "listen", Usage: "bind UDP to `HOST:PORT`; port 0 is any free port"},
		&cli.DurationFlag{Name: "timeout", Usage: "give up if the server does not answer for `DURATION`", Value: defaultTimeout},
	}
}

// connectFlags are the flags of all commands that connect to a peer.
func connectFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.DurationFlag{Name: "wait", Usage: "wait up to `DURATION` for the peer to come online"},
		requireFlag(),
	}, onlineFlags()...)
}

func requireFlag() cli.Flag {
	return &cli.StringFlag{Name: "require", Usage: "allow only this kind of `PATH`: direct, relay or any", Value: "any"}
}

// online reads a config with a key, and applies the flags of onlineFlags.
func (p *program) online(c *cli.Context) (*config.Config, error) {
	cfg, err := p.identity(c)
	if err != nil {
		return nil, err
	}
	if c.IsSet("server") {
		server, err := config.ParseServer(c.String("server"))
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

// role reads --require and --timeout.
func (p *program) role(c *cli.Context) (role, error) {
	r := role{timeout: c.Duration("timeout")}
	switch s := c.String("require"); s {
	case "", "any":
	case "direct":
		r.require = p2p.RequireDirect
	case "relay":
		r.require = p2p.RequireRelay
	default:
		return r, usage("--require: unknown value %q, use \"direct\", \"relay\" or \"any\"", s)
	}
	if wait := c.Duration("wait"); wait < 0 {
		return r, usage("--wait: %s is negative, use for example 10m", wait)
	}
	if r.timeout <= 0 {
		return r, usage("--timeout: %s is not positive, use for example 10s", r.timeout)
	}
	return r, nil
}

// connect tries once to reach a process of the target that accepts streams of the kind. With
// kind "" it reaches the target's listener.
func (n *node) connect(ctx context.Context, t config.Target, kind string) (*p2p.Link, error) {
	link, err := n.Connect(ctx, t.GUID, p2p.ConnectOptions{Require: n.role.require, Kind: kind, Addr: string(t.Addr)})
	switch {
	case err == nil:
		return link, nil
	case errors.Is(err, p2p.ErrRefused) && kind == kindChat:
		return nil, errNoChats
	case errors.Is(err, p2p.ErrOffline) && n.cfg.Peer.Server == "" && t.Addr == "":
		err = as(p2p.ErrOffline, fmt.Errorf("peer %q does not answer on this network", t))
		return nil, hint(err, "use --server HOST:PORT to look beyond this network, or --wait 10m to wait for the peer")
	case errors.Is(err, p2p.ErrOffline):
		err = as(p2p.ErrOffline, fmt.Errorf("peer %q is not online%s", t, checkGUID))
		return nil, hint(err, "use --wait 10m to wait for the peer")
	case errors.Is(err, p2p.ErrNoPath):
		err = fmt.Errorf("peer %q: %w", t, err)
		switch {
		case t.Addr != "":
			err = hint(err, "check that the peer listens there and that UDP gets through")
		case n.role.require == p2p.RequireDirect:
			err = hint(err, "use --require any to allow the server's relay")
		}
		return nil, err
	case errors.Is(err, p2p.ErrNoServer):
		return nil, n.serverError(err)
	case errors.Is(err, p2p.ErrNotServing):
		return nil, noServer()
	}
	if v, ok := errors.AsType[*p2p.VersionError](err); ok && err == error(v) {
		return nil, fmt.Errorf("peer %q %w", t, err)
	}
	if errors.Is(err, p2p.ErrVersion) {
		return nil, err // the server's version
	}
	return nil, fmt.Errorf("peer %q: %w", t, err)
}

// meet starts a node and connects it to the target for a chat. If the target is offline, it waits until the target
// comes online or calls. The node accepts calls only while no other process of this key listens: they may come from
// other peers, too. It is the same node throughout, since the target may call it at any time.
func (p *program) meet(ctx context.Context, cfg *config.Config, t config.Target, wait time.Duration, r role) (*node, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.joining = true
	r.onCall = func(l *p2p.Link) {
		if l.Peer() == t.GUID && l.Takes(kindChat) {
			cancel(errCalled)
		}
	}
	n, err := p.start(cfg, r)
	if err != nil {
		return nil, err
	}
	_, err = n.reach(ctx, t, wait, kindChat)
	n.wasCalled = context.Cause(ctx) == errCalled
	if err == nil || n.wasCalled {
		return n, nil
	}
	return nil, errors.Join(err, n.Close())
}

// reach connects to the target. For as long as wait it tries again after errors that may go
// away, such as an offline peer.
func (n *node) reach(ctx context.Context, t config.Target, wait time.Duration, kind string) (*p2p.Link, error) {
	deadline := time.Now().Add(wait)
	var pause backoff
	waits := waits{p: n.p, peer: t.GUID}
	for {
		link, err := n.connect(ctx, t, kind)
		switch {
		case err == nil || !mayCome(err) && !(kind == kindChat && mayJoin(err)) && !(n.role.persistent && serverMayReturn(err)):
			return link, err
		case !time.Now().Before(deadline) && wait > 0:
			return nil, waitedFor(err, wait)
		case !time.Now().Before(deadline):
			return nil, err
		}
		waits.say(strings.TrimSuffix(terminal.Visible(err.Error()), checkGUID))
		if err := pause.sleep(ctx, time.Until(deadline)); err != nil {
			return nil, err
		}
	}
}

// waitingAgain is how often a terminal repeats that the program waits.
const waitingAgain = time.Minute

// A waits reports that the program waits for a peer, and why: when the reason changes, and on a
// terminal every minute.
type waits struct {
	p    *program
	peer p2p.GUID
	why  string
	at   time.Time
}

func (s *waits) say(why string) {
	if why == s.why && (!terminal.IsTerminal(s.p.env.Stderr) || time.Since(s.at) < waitingAgain) {
		return
	}
	s.why, s.at = why, time.Now()
	s.p.out.note("%s, waiting for it", why)
	s.p.out.event(waitingEvent{s.p.who(s.peer)})
}

// mayJoin reports whether a later attempt to chat may succeed. Besides the reasons of mayCome,
// the peer may start a process that accepts chats.
func mayJoin(err error) bool { return mayCome(err) || errors.Is(err, p2p.ErrRefused) }

// checkGUID ends the message about a peer that is not online.
const checkGUID = "; check the GUID"

// waitedFor replaces the hint to use --wait after that has not helped.
func waitedFor(err error, wait time.Duration) error {
	if !errors.Is(err, p2p.ErrOffline) {
		return err
	}
	return &hinted{err, fmt.Sprintf("the peer did not come online within %s; start p2ptool there, or use a longer --wait", wait)}
}

// mayCome reports whether a later attempt may succeed.
func mayCome(err error) bool {
	return errors.Is(err, p2p.ErrOffline) || errors.Is(err, p2p.ErrNoServer) || errors.Is(err, p2p.ErrNoPath)
}
