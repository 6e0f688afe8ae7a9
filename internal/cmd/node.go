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

// A node is a running peer with what is said about it.
type node struct {
	*p2p.Peer
	p         *program
	cfg       *config.Config
	role      role
	came      bool // the target of meet has called by itself
	accepting sync.WaitGroup
}

// A role is what a command wants of its node.
type role struct {
	require  p2p.Require
	timeout  time.Duration // for the server to answer
	calling  bool          // takes no calls
	joining  bool          // takes calls only while no process of this key listens
	handlers map[string]func(*p2p.Link, *p2p.Stream)
	called   func(*p2p.Link) // is told of links that others begin; may be nil
	friend   p2p.GUID        // known although it may be no contact; zero: nobody
	quiet    bool            // lifecycle lines are not for this command's user
}

// start makes a node of the config. It registers in the background.
func (p *program) start(cfg *config.Config, r role) (*node, error) {
	boundMemory(p.env.Getenv)
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
		OnEvent:        (&reporter{p: p, cfg: cfg, role: r}).tell,
	})
	if err != nil {
		return nil, hint(err, "--listen HOST:PORT binds to another address")
	}
	n.Peer = peer
	n.accepting.Go(func() { n.accept(r.called) })
	return n, nil
}

// knows returns what tells the peers that a node knows from strangers.
func (r role) knows(cfg *config.Config) func(p2p.GUID) bool {
	return func(g p2p.GUID) bool { return g == r.friend && !g.IsZero() || cfg.ContactName(g) != "" }
}

// withViews adds to handlers what every node answers: how it sees a link, for
// the doctor of the other side.
func withViews(handlers map[string]func(*p2p.Link, *p2p.Stream)) map[string]func(*p2p.Link, *p2p.Stream) {
	all := map[string]func(*p2p.Link, *p2p.Stream){p2p.ViewKind: p2p.AnswerView}
	maps.Copy(all, handlers)
	return all
}

// discovery is how neighbours find each other; nil where the config does not want
// that.
func (p *program) discovery(cfg *config.Config) p2p.Discovery {
	if !cfg.Peer.LAN || p.env.Machine.Network != nil {
		return nil
	}
	return lan.Multicast{}
}

// texts turns addresses into what a peer takes.
func texts(as []config.Address) (out []string) {
	for _, a := range as {
		out = append(out, string(a))
	}
	return out
}

// transportOf says how to reach the server.
func transportOf(t config.Transport) p2p.Transport {
	switch t {
	case config.TransportUDP:
		return p2p.TransportUDP
	case config.TransportTLS:
		return p2p.TransportTLS
	}
	return p2p.TransportAuto
}

// accept takes the links that others begin, until the node is closed. Their streams
// have handlers; to be refused for want of interest would be wrong.
func (n *node) accept(called func(*p2p.Link)) {
	for {
		link, err := n.Accept(context.Background())
		if err != nil {
			return
		}
		if called != nil {
			called(link)
		}
	}
}

// Close is that of the peer.
func (n *node) Close() error {
	err := n.Peer.Close()
	n.accepting.Wait()
	return err
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
			return &p2p.UncheckedError{Err: err}
		}
		added, err := dir.trust(addr, key)
		if added {
			p.out.note("server %q is new here, its key is remembered: %s", addr, key)
		}
		if errors.Is(err, syscall.EMFILE) {
			err = hint(err, "allow more open files: ulimit -n")
		}
		if err != nil && !errors.Is(err, p2p.ErrServerKey) {
			err = &p2p.UncheckedError{Err: err}
		}
		return err
	}
}

// registered waits until the server knows the node.
func (n *node) registered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.role.timeout)
	defer cancel()
	return n.serverError(n.Registered(ctx))
}

// ready waits until others can find the node, and says as whom.
func (n *node) ready(ctx context.Context) error {
	if n.cfg.Peer.Server != "" {
		if err := n.registered(ctx); err != nil {
			return err
		}
	}
	for _, addr := range n.LocalAddrs() {
		n.p.out.event(listeningEvent{Addr: addr.String()})
		if n.cfg.Peer.Server == "" {
			n.p.out.note("listening on %s", addr)
		}
	}
	n.p.out.note("waiting as %s", n.GUID())
	return nil
}

// serverError says which server it was, and what to do.
func (n *node) serverError(err error) error {
	if why, ok := errors.AsType[*net.DNSError](err); ok && errors.Is(err, p2p.ErrNoServer) {
		err = as(p2p.ErrNoServer, fmt.Errorf("server %q: looking up its name: %s", n.cfg.Peer.Server, why.Err))
		return hint(err, "is the name right, and is this machine online?")
	}
	if errors.Is(err, p2p.ErrNoServer) {
		err = as(p2p.ErrNoServer, fmt.Errorf("server %q does not answer", n.cfg.Peer.Server))
		return hint(err, "is `p2ptool serve` running there, and does UDP or TCP get through?")
	}
	return err
}
