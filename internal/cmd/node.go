package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"p2ptool/internal/config"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/lan"
)

// A node is a running peer that reports its events.
type node struct {
	*p2p.Peer
	p         *program
	cfg       *config.Config
	role      role
	wasCalled bool // the target of meet has called this node
	accepting sync.WaitGroup
}

// A role is what a command needs from its node.
type role struct {
	require  p2p.Require
	timeout  time.Duration // for the server to answer
	calling  bool          // accepts no calls
	joining  bool          // accepts calls only while no other process of this key listens
	handlers map[string]func(*p2p.Link, *p2p.Stream)
	onCall   func(*p2p.Link) // is called with links that others begin; may be nil
	friend   p2p.GUID        // not a stranger, even if it is not a contact; zero: nobody
	quiet    bool            // does not report registration, connections and paths

	persistent bool   // keeps trying while the server is refused, as while it does not answer
	registered func() // is called at each registration; may be nil
}

// start starts a node by the config. It registers in the background.
func (p *program) start(cfg *config.Config, r role) (*node, error) {
	boundMemory(p.env.Getenv)
	diagnostics, err := p.diagnostics()
	if err != nil {
		return nil, err
	}
	n := &node{p: p, cfg: cfg, role: r}
	peer, err := p2p.NewPeer(p2p.PeerOptions{
		Key:            cfg.SecretKey.SecretKey,
		Server:         string(cfg.Peer.Server),
		CheckServerKey: p.checkServer(cfg),
		Transport:      transportOf(cfg.Peer.Transport),
		Proxy:          http.ProxyFromEnvironment,
		STUN:           texts(cfg.Peer.STUN),
		NoSpray:        !cfg.Peer.Spray,
		NoPortMapping:  !cfg.Peer.PortMapping,
		Patience:       r.timeout,
		LAN:            p.discovery(cfg),
		Listen:         string(cfg.Peer.Listen),
		Calling:        r.calling,
		Fallback:       r.joining,
		Name:           string(cfg.Peer.Name),
		Listed:         cfg.Peer.Listed && !r.calling,
		Handlers:       withViews(r.handlers),
		Known:          r.knows(cfg),
		Network:        p.env.Machine.Network,
		DialTCP:        p.env.Machine.DialTCP,
		Diagnostics:    diagnostics,
		OnEvent:        (&reporter{p: p, cfg: cfg, role: r}).onEvent,
	})
	if err != nil {
		return nil, hint(err, "use --listen HOST:PORT to bind to another address")
	}
	n.Peer = peer
	n.accepting.Go(func() { n.accept(r.onCall) })
	return n, nil
}

// knows returns a function that distinguishes known peers from strangers.
func (r role) knows(cfg *config.Config) func(p2p.GUID) bool {
	return func(g p2p.GUID) bool { return g == r.friend && !g.IsZero() || cfg.ContactName(g) != "" }
}

// withViews adds the handler that every node has: it sends this side's view of the link to the
// other side's doctor.
func withViews(handlers map[string]func(*p2p.Link, *p2p.Stream)) map[string]func(*p2p.Link, *p2p.Stream) {
	all := map[string]func(*p2p.Link, *p2p.Stream){p2p.ViewKind: p2p.AnswerView}
	maps.Copy(all, handlers)
	return all
}

// discovery returns how to find peers on the local network, or nil if the config turns it off.
func (p *program) discovery(cfg *config.Config) p2p.Discovery {
	if !cfg.Peer.LAN || p.env.Machine.Network != nil {
		return nil
	}
	return lan.Multicast{}
}

// texts converts addresses to strings.
func texts(as []config.Address) (out []string) {
	for _, a := range as {
		out = append(out, string(a))
	}
	return out
}

// transportOf converts the config's transport.
func transportOf(t config.Transport) p2p.Transport {
	switch t {
	case config.TransportUDP:
		return p2p.TransportUDP
	case config.TransportTLS:
		return p2p.TransportTLS
	}
	return p2p.TransportAuto
}

// accept accepts the links that others begin until the node is closed. A link that nobody
// accepts would be refused, though its streams have handlers.
func (n *node) accept(onCall func(*p2p.Link)) {
	for {
		link, err := n.Accept(context.Background())
		if err != nil {
			return
		}
		if onCall != nil {
			onCall(link)
		}
	}
}

// Close closes the peer and waits for accept.
func (n *node) Close() error {
	err := n.Peer.Close()
	n.accepting.Wait()
	return err
}

// checkServer returns the check of a server's key. It accepts the key that the config pins, else
// the key that the server showed first.
func (p *program) checkServer(cfg *config.Config) func(string, identity.PublicKey) error {
	if pinned := cfg.Peer.ServerKey; !pinned.IsZero() {
		return func(addr string, key identity.PublicKey) error {
			if key.Equal(pinned.PublicKey) {
				return nil
			}
			return hint(as(p2p.ErrServerKey, fmt.Errorf("server %q has the unexpected key %s", addr, key)),
				"server_key under [peer] in %s pins another key", cfg.File())
		}
	}
	return func(addr string, key identity.PublicKey) error {
		dir, err := p.state()
		if err != nil {
			return &p2p.UncheckedError{Err: err}
		}
		added, err := dir.trust(addr, key)
		if added {
			p.out.note("trusting the new server %q from now on; its key is %s", addr, key)
		}
		if errors.Is(err, syscall.EMFILE) {
			err = hint(err, "raise the limit on open files: ulimit -n 1024")
		}
		if err != nil && !errors.Is(err, p2p.ErrServerKey) {
			err = &p2p.UncheckedError{Err: err}
		}
		return err
	}
}

// registered waits until the node is registered.
func (n *node) registered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.role.timeout)
	defer cancel()
	return n.serverError(n.Registered(ctx))
}

// ready waits until others can find the node, and prints its GUID.
func (n *node) ready(ctx context.Context) error {
	if n.cfg.Peer.Server != "" {
		if err := n.registered(ctx); err != nil {
			return err
		}
	}
	n.announce()
	return nil
}

// announce prints where the node listens, and its GUID.
func (n *node) announce() {
	for _, addr := range n.LocalAddrs() {
		n.p.out.event(listeningEvent{Addr: addr.String()})
		if n.cfg.Peer.Server == "" {
			n.p.out.note("listening on %s", addr)
		}
	}
	n.p.out.note("waiting as %s", n.GUID())
}

// serverError adds the server's name and a hint to ErrNoServer.
func (n *node) serverError(err error) error {
	if why, ok := errors.AsType[*net.DNSError](err); ok && errors.Is(err, p2p.ErrNoServer) {
		err = as(p2p.ErrNoServer, fmt.Errorf("server %q: name lookup: %s", n.cfg.Peer.Server, why.Err))
		return hint(err, "check the name, and that this machine is online")
	}
	if errors.Is(err, p2p.ErrNoServer) && errors.Is(err, p2p.ErrNarrow) {
		err = as(p2p.ErrNoServer, fmt.Errorf("server %q %w", n.cfg.Peer.Server, p2p.ErrNarrow))
		return hint(err, "raise the MTU on the way to it to 576 bytes, also in tunnels, or let TCP through")
	}
	if errors.Is(err, p2p.ErrNoServer) {
		err = as(p2p.ErrNoServer, fmt.Errorf("server %q does not answer", n.cfg.Peer.Server))
		return hint(err, "check that `p2ptool serve` runs there, and that UDP or TCP gets through")
	}
	return err
}
