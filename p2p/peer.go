package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/link"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

const (
	defaultPatience = 10 * time.Second // for the server's first answer
	acceptBacklog   = 64               // links that wait for Accept
	initBacklog     = 32               // handshakes that wait for the worker
)

// A Peer is one process of a peer. Its methods are safe for concurrent use.
type Peer struct {
	opts      PeerOptions
	guid      GUID
	instance  uint64
	conns     []*socket
	streams   *tunnel.Hub    // to servers
	client    *client.Client // nil without a server
	responder *handshake.Responder
	events    eventQueue
	accepted  chan *Link
	inits     chan initiation
	nat       natWatch
	mapping   mapping
	birthday  birthdayLimits
	targets   *path.Targets
	inbound   inbound
	calls     incomingCalls
	relays    relays

	otherVersion func(from netip.AddrPort, version byte)

	ctx    context.Context // ends with the peer
	cancel context.CancelFunc
	wg     sync.WaitGroup // of all goroutines but the readers
	reads  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	sessions map[uint32]*link.Link // by our index
	dials    map[uint32]*handshake.Dial
	links    map[*Link]bool
	attempts map[goal]*attempt
	renewed  time.Time // when this peer last got other ports
}

// NewPeer opens the sockets and registers with the server in the background. The error says that Key is missing or that
// no socket could be opened. Close the peer when finished.
func NewPeer(o PeerOptions) (*Peer, error) {
	if o.Key.IsZero() {
		return nil, errors.New("a peer needs a key")
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.version == 0 {
		o.version = rendezvous.LinkVersion
	}
	system := o.Network == nil
	if system {
		o.Network = udp.System{}
	}
	conns, err := listen(o.Network, o.Listen)
	if err != nil {
		return nil, err
	}
	p := &Peer{
		opts: o, guid: o.Key.GUID(), instance: rand.Uint64() | 1, conns: newSockets(conns), streams: tunnel.NewHub(),
		targets:  path.NewTargets(),
		accepted: make(chan *Link, acceptBacklog),
		inits:    make(chan initiation, initBacklog),
		sessions: map[uint32]*link.Link{},
		dials:    map[uint32]*handshake.Dial{},
		links:    map[*Link]bool{},
		attempts: map[goal]*attempt{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.events.init(o.OnEvent)
	p.otherVersion = handshake.LimitVersionReports(time.Now(), func(from netip.AddrPort, version byte) {
		p.events.put(Incompatible{from, &VersionError{Theirs: version, Ours: o.version}})
	})
	p.responder = handshake.NewResponder(handshake.ResponderConfig{
		Key: o.Key, Purpose: rendezvous.PurposeLink, Version: o.version, OnVersion: p.otherVersion,
	}, time.Now())
	p.nat.init()
	p.birthday.init()
	p.calls.init()
	p.inbound.init(p.strangersFull)
	p.initMapping(system)
	if o.Server != "" {
		p.client = client.New(p.clientConfig())
	}
	p.spawn(p.answerInits)
	p.spawn(p.answerCalls)
	p.respond()
	p.spawn(p.watchHost)
	p.spawn(p.watchNAT)
	for _, s := range p.conns {
		p.reads.Go(func() { p.serve(s, s.Conn) })
	}
	p.reads.Go(func() { _ = udp.Serve(p.streams, p.handleStream) })
	return p, nil
}

func (p *Peer) clientConfig() client.Config {
	o := p.opts
	c := client.Config{
		Key: o.Key, Server: o.Server, Instance: p.instance,
		Listening: p.listens(), Fallback: o.Fallback && !o.Calling, Takes: p.takes(),
		Listed: o.Listed, Name: o.Name, LinkVersion: o.version,
		Send: p.sendTo,
		OnRegistered: func(_ netip.AddrPort, v client.View) {
			p.logView("registered", v)
			p.nat.observed(v)
			p.rejoinAll()
			p.events.put(Registered{o.Server, firstValid(v.V4.Main, v.V6.Main, v.Stream), v.Stream.IsValid()})
		},
		OnMoved: p.serverMoved,
		OnLost: func() {
			p.logServer("server does not answer", "server", o.Server)
			p.events.put(ServerLost{o.Server})
		},
		OnRefused: func(err error) {
			p.logServer("server is refused", "server", o.Server, "error", err)
			p.events.put(ServerRefused{o.Server, p.serverError(p.ctx, err)})
		},
		OnReplaced: func() {
			p.logServer("another process of this peer receives the calls")
			p.events.put(Replaced{})
		},
		OnRestored: func() {
			p.logServer("this process receives the calls again")
			p.events.put(Restored{})
		},
		OnView: p.onView,
		OnCall: p.calls.put,
	}
	p.chooseTransport(&c)
	if check := o.CheckServerKey; check != nil {
		c.CheckKey = func(k PublicKey) error { return check(o.Server, k) }
	}
	return c
}

// spawn runs f on a goroutine that Close waits for. After Close it does nothing.
func (p *Peer) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.wg.Go(f)
	}
}

// listens reports whether this process receives calls in preference to those that began listening earlier.
func (p *Peer) listens() bool { return !p.opts.Calling && !p.opts.Fallback }

// GUID returns the peer's own GUID.
func (p *Peer) GUID() GUID { return p.guid }

// LocalAddrs returns the addresses that the peer's sockets are bound to.
func (p *Peer) LocalAddrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, c := range p.conns {
		out = append(out, c.LocalAddr())
	}
	return out
}

// Registered waits until the peer is registered with the server. The error wraps
//   - ErrNoServer if the server does not answer within PeerOptions.Patience or before ctx's deadline, together with the
//     reason if it is known: a failed lookup of its name, or ErrNarrow;
//   - ErrServerKey if CheckServerKey refused its key;
//   - ErrVersion if it runs another version;
//   - ErrNotServing if no server is configured.
func (p *Peer) Registered(ctx context.Context) error {
	if p.client == nil {
		return ErrNotServing
	}
	ctx, cancel := context.WithTimeout(ctx, p.opts.Patience)
	defer cancel()
	return p.serverError(ctx, p.client.Registered(ctx))
}

// serverError converts an error of the client to one of this package.
func (p *Peer) serverError(ctx context.Context, err error) error {
	var key *client.KeyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &key):
		if unchecked, ok := errors.AsType[*UncheckedError](key.Err); ok {
			return unchecked
		}
		return fmt.Errorf("%w: %w", ErrServerKey, key.Err)
	case errors.Is(err, ErrVersion):
		return fmt.Errorf("server %q %w", p.opts.Server, err)
	case errors.Is(err, client.ErrClosed):
		return ErrClosed
	case errors.Is(err, client.ErrNotFound):
		return ErrOffline
	case errors.Is(err, client.ErrRefused):
		return ErrRefused
	case errors.Is(err, client.ErrUnanswered), errors.Is(ctx.Err(), context.DeadlineExceeded):
		if why := p.client.Reason(); why != nil {
			return fmt.Errorf("%w: %w", ErrNoServer, why)
		}
		return ErrNoServer
	}
	return err
}

// Peers returns the peers that are online and have PeerOptions.Listed set. Its errors are those of Registered.
func (p *Peer) Peers(ctx context.Context) ([]PeerInfo, error) {
	if err := p.Registered(ctx); err != nil {
		return nil, err
	}
	list, err := p.client.List(ctx)
	if err != nil {
		return nil, p.serverError(ctx, err)
	}
	now := time.Now()
	out := make([]PeerInfo, len(list))
	for i, l := range list {
		out[i] = PeerInfo{l.GUID, l.Name, now.Add(-time.Duration(l.Seconds) * time.Second)}
	}
	return out, nil
}

// Accept waits for the next link that another peer begins. The error is ErrClosed or ctx's. Up to 64 links wait for
// Accept; any more are served by the handlers alone. A peer with Handlers need not call Accept.
func (p *Peer) Accept(ctx context.Context) (*Link, error) {
	select {
	case l := <-p.accepted:
		return l, nil
	case <-p.ctx.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close closes all links with CodeDone, ends the registration, closes the sockets, and waits for all goroutines,
// including handlers and OnEvent. Apart from those, it takes as long as Link.CloseWith. It always returns nil; calling it
// again does no harm.
func (p *Peer) Close() error {
	p.mu.Lock()
	p.closed = true
	var sessions []*link.Link
	for _, l := range p.sessions {
		sessions = append(sessions, l)
	}
	p.mu.Unlock()
	p.cancel()
	var closing sync.WaitGroup
	for _, l := range sessions {
		closing.Go(func() { l.Close(link.CodeDone, "") })
	}
	closing.Wait()
	if p.client != nil {
		p.client.Close() // only now: with it the relay's channels end, that a goodbye may need
	}
	for _, c := range p.conns {
		c.Close()
	}
	p.streams.Close()
	p.reads.Wait()
	p.wg.Wait()
	p.events.close()
	return nil
}

func firstValid(addrs ...netip.AddrPort) netip.AddrPort {
	for _, a := range addrs {
		if a.IsValid() {
			return a
		}
	}
	return netip.AddrPort{}
}
