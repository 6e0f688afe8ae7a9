package server

import (
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/limit"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// Config configures a Server. Only Key and Network have no default.
type Config struct {
	Key     identity.SecretKey
	Network udp.Network

	// Listen is the address to bind to, "host:port". Without a host, or with
	// "::", both families are served. Port 0 is any. The next port up is the
	// second observer.
	Listen string

	// Tunnel is for peers whose network blocks UDP.
	Tunnel TunnelConfig

	Relay  RelayConfig
	Limits Limits

	Version byte // of the protocol with peers; 0: ServerVersion
	// OnVersion is called with the address and the version of a peer of another version, for a few
	// peers a minute; nil ignores it. Neither is authenticated. It must not block.
	OnVersion func(from netip.AddrPort, version byte)
}

// requestRate bounds the requests of one session.
var requestRate = limit.Rate{PerSecond: 50, Burst: 300}

const (
	// initQueue is how many handshakes may wait for a worker. A dropped one is retransmitted by its initiator.
	initQueue = 512

	sweepEvery = 250 * time.Millisecond
	sweepTurns = 8    // sweeps until each session was looked at
	sweepSlice = 4096 // sessions looked at without giving way
)

// A Server is a rendezvous server.
type Server struct {
	config          Config
	start           time.Time
	sockets         sockets
	tlsConns        *tlsConns
	responder       *handshake.Responder
	answerLimit     *limit.Sources
	unauthenticated *unauthenticated
	staleLimit      *limit.Sources // for STALE alone: a transfer causes many, and UNKNOWN must not wait for them
	relay           *relay
	inits           chan *handshake.Pending // that wait for a worker
	done            chan struct{}
	closing         sync.Once
	running         sync.WaitGroup
	drops           serverDrops

	mu            sync.Mutex // guards what follows
	registry      *registry
	introductions *introductions
}

// serverDrops counts what was not answered.
type serverDrops struct{ malformed, limited, unknown, unopened, busy, full atomic.Uint64 }

// Listen binds the ports and begins to serve.
func Listen(c Config) (*Server, error) {
	socks, err := listen(c)
	if err != nil {
		return nil, err
	}
	s := newServer(c, socks, time.Now())
	s.run()
	return s, nil
}

// newServer returns a server that does not run yet.
func newServer(c Config, socks sockets, now time.Time) *Server {
	c.Limits = c.Limits.withDefaults()
	return &Server{
		config: c, start: now, sockets: socks, tlsConns: newTLSConns(c.Tunnel.TLS, c.Limits),
		responder: handshake.NewResponder(handshake.ResponderConfig{
			Key: c.Key, Purpose: rendezvous.PurposeServer, HelloRate: c.Limits.HelloRate, InitRate: c.Limits.InitRate,
			Version: c.Version, OnVersion: handshake.LimitVersionReports(now, c.OnVersion),
		}, now),
		answerLimit:     limit.NewSources(c.Limits.UnauthenticatedRate, sourceSlots),
		staleLimit:      limit.NewSources(c.Limits.UnauthenticatedRate, sourceSlots),
		unauthenticated: newUnauthenticated(),
		relay:           newRelay(c.Relay),
		inits:           make(chan *handshake.Pending, initQueue),
		done:            make(chan struct{}),
		registry:        newRegistry(c.Limits.Peers, c.Limits.PeersPerSource),
		introductions:   newIntroductions(),
	}
}

func (s *Server) run() {
	for _, c := range s.sockets.main {
		s.running.Go(func() { udp.Serve(c, s.handle) })
	}
	for _, c := range s.sockets.second {
		s.running.Go(func() { udp.Serve(c, s.observe) })
	}
	if l := s.sockets.tcp; l != nil {
		s.running.Go(func() { udp.Serve(s.tlsConns.hub, s.handle) })
		s.running.Go(func() { s.tlsConns.accept(l, s.now, &s.running) })
	}
	// At most half of the processors do handshakes, so that registered peers do not notice a flood of new ones.
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		s.running.Go(s.register)
	}
	s.running.Go(s.answerUnauthenticated)
	s.running.Go(s.sweep)
}

// Addr returns the address that the server listens on, with its port.
func (s *Server) Addr() netip.AddrPort { return s.sockets.addr }

// StreamAddr returns the TCP address that it listens on; nil: it does not.
func (s *Server) StreamAddr() net.Addr {
	if s.sockets.tcp == nil {
		return nil
	}
	return s.sockets.tcp.Addr()
}

// Close closes the sockets and waits for the server's goroutines. It does not notify the peers: they register
// with the next server at this address, and their links go on. Twice is fine.
func (s *Server) Close() error {
	s.closing.Do(func() {
		close(s.done)
		s.sockets.close()
		s.tlsConns.close()
	})
	s.running.Wait()
	return nil
}

// now returns the time since the server's start.
func (s *Server) now() time.Duration { return time.Since(s.start) }

// Stats are the current numbers of a server.
type Stats struct {
	Peers         int    // registered processes
	Pending       int    // sessions that wait for their first packet
	Streams       int    // by which some of them are connected
	Introductions int    // that are remembered, for ten seconds each
	Channels      int    // links that may use the relay
	Relayed       uint64 // bytes
	RelayLimited  uint64 // datagrams dropped by the relay's rates
	RelayStale    uint64 // datagrams of channels unknown or used from elsewhere

	// Datagrams dropped: malformed; over a limit by source; INITs with a wrong cookie, or a handshake that does not
	// verify; for want of a worker or a place in a queue (Busy), or of a place for a session (Full); of unknown
	// sessions; that did not decrypt; HELLOs of another version, which are answered with this one.
	Malformed, Limited, BadCookie, BadHandshake, Busy, Full, Unknown, Unopened, OtherVersion uint64
}

// Stats returns the current numbers.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	confirmed, sessions := s.registry.confirmed, s.registry.sessions
	introductions := s.introductions.count()
	s.mu.Unlock()
	handshakes := s.responder.Drops()
	return Stats{
		Peers: confirmed, Pending: sessions - confirmed, Streams: s.tlsConns.hub.Len(), Introductions: introductions, Channels: s.relay.count(),
		Relayed: s.relay.relayed.Load(), RelayLimited: s.relay.limited.Load(), RelayStale: s.relay.stale.Load(),
		Malformed: s.drops.malformed.Load(), Limited: s.drops.limited.Load() + handshakes.Limited,
		BadCookie: handshakes.BadCookie, BadHandshake: handshakes.BadHandshake,
		Busy: s.drops.busy.Load(), Full: s.drops.full.Load(),
		Unknown: s.drops.unknown.Load(), Unopened: s.drops.unopened.Load(),
		OtherVersion: handshakes.OtherVersion,
	}
}

// handle handles a batch that has arrived on a main port. Packets of sessions and channels are handled at once;
// everything else is queued.
func (s *Server) handle(c udp.Conn, b udp.Batch) {
	now := s.now()
	for len(b.Data) > 0 {
		n := min(b.Size, len(b.Data))
		if d := b.Data[:n:n]; len(d) >= rendezvous.MinRelayed && d[0] == rendezvous.TypeRelay {
			run := relayRun(b)
			n = len(run.Data)
			s.forward(now, c, run)
		} else if s.ofSession(b.Addr, d) {
			write(c, b.Addr, s.data(now, b.Addr, d))
		} else {
			s.enqueue(c, b.Addr, d)
		}
		b.Data = b.Data[n:]
	}
}

// datagram handles any datagram but those of relay channels and returns the answer, or nil.
func (s *Server) datagram(now time.Duration, from netip.AddrPort, d []byte) []byte {
	switch {
	case len(d) > rendezvous.MaxDatagram || len(d) == 0:
	case d[0] < rendezvous.TypeHello:
		return s.stunMain(now, from, d)
	case d[0] == rendezvous.TypeHello:
		return s.responder.Hello(s.start.Add(now), from, d)
	case d[0] == rendezvous.TypeInit:
		return s.admit(now, from, d)
	case d[0] == rendezvous.TypeData && len(d) >= noise.Overhead:
		return s.data(now, from, d)
	case d[0] == rendezvous.TypeRelay:
		return s.stale(now, from, d)
	}
	s.drops.malformed.Add(1)
	return nil
}

// admit checks an INIT and passes it to a worker.
func (s *Server) admit(now time.Duration, from netip.AddrPort, d []byte) []byte {
	hs, reply := s.responder.Admit(s.start.Add(now), from, d)
	if hs == nil {
		return reply
	}
	select {
	case s.inits <- hs:
	default:
		s.drops.busy.Add(1)
		s.responder.Forget(hs)
	}
	return nil
}

// mayAnswer reports whether the limit allows an answer to a sender without a session.
func (s *Server) mayAnswer(now time.Duration, from netip.AddrPort) bool {
	return s.allow(s.answerLimit, now, from)
}

// allow reports whether a limit allows an answer to from.
func (s *Server) allow(l *limit.Sources, now time.Duration, from netip.AddrPort) bool {
	if l.Allow(now, from.Addr()) {
		return true
	}
	s.drops.limited.Add(1)
	return false
}

// ofSession reports whether a datagram has the index of a session and comes from its address.
func (s *Server) ofSession(from netip.AddrPort, d []byte) bool {
	if len(d) < noise.Overhead || d[0] != rendezvous.TypeData || len(d) > rendezvous.MaxDatagram {
		return false
	}
	h, _ := noise.ParseHeader(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.registry.get(h.Index)
	return p != nil && p.state != stateReserved && p.at == rendezvous.EndpointOf(from)
}

// stale answers a RELAY of no channel.
func (s *Server) stale(now time.Duration, from netip.AddrPort, d []byte) []byte {
	channel, _, err := rendezvous.ParseRelay(d)
	if err != nil || !s.allow(s.staleLimit, now, from) {
		return nil
	}
	return rendezvous.AppendStale(nil, channel)
}

// forward relays datagrams of one channel.
func (s *Server) forward(now time.Duration, c udp.Conn, run udp.Batch) {
	first := run.Data[:min(run.Size, len(run.Data))]
	if _, _, err := rendezvous.ParseRelay(first); err != nil {
		s.drops.malformed.Add(1)
		return
	}
	from := run.Addr
	out, ok, stale := s.relay.forward(now, run)
	if ok {
		if c := s.to(out.Addr); c != nil {
			c.Write(out)
		}
	} else if stale {
		s.enqueue(c, from, first[:rendezvous.MinRelayed]) // all that the answer needs
	}
}

// send sends one datagram to another peer than the sender of the current one.
func (s *Server) send(to netip.AddrPort, d []byte) {
	if c := s.to(to); c != nil {
		write(c, to, d)
	}
}

// to returns the socket for an address, or nil.
func (s *Server) to(a netip.AddrPort) udp.Conn {
	if tunnel.Marked(a.Addr()) {
		return s.tlsConns.hub
	}
	return s.sockets.to(a)
}

// write sends one datagram. Errors are ignored: a datagram may also be lost on the way.
func write(c udp.Conn, to netip.AddrPort, d []byte) {
	if len(d) > 0 {
		c.Write(udp.Batch{Addr: to, Data: d, Size: len(d)})
	}
}
