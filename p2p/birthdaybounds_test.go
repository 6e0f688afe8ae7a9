package p2p_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/udp"
)

// A counting network counts its open sockets and limits their number.
type counting struct {
	udp.Network
	limit int        // of open sockets
	mute  netip.Addr // packets to this address are dropped

	mu   sync.Mutex
	open int // sockets that are open
	most int // the most sockets that were open at once
	all  int // sockets opened so far
}

func (n *counting) Listen(family string, addr netip.AddrPort) (udp.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open >= n.limit {
		return nil, errors.New("too many open files")
	}
	c, err := n.Network.Listen(family, addr)
	if err != nil {
		return nil, err
	}
	n.open++
	n.all++
	n.most = max(n.most, n.open)
	return &countedConn{Conn: c, n: n}, nil
}

func (n *counting) now() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open
}

func (n *counting) opened() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

type countedConn struct {
	udp.Conn
	n      *counting
	closed sync.Once
}

func (c *countedConn) Close() error {
	c.closed.Do(func() {
		c.n.mu.Lock()
		c.n.open--
		c.n.mu.Unlock()
	})
	return c.Conn.Close()
}

func (c *countedConn) Write(b udp.Batch) error {
	if c.n.mute == b.Addr.Addr() {
		return nil
	}
	return c.Conn.Write(b)
}

func (c *countedConn) WriteTTL(b udp.Batch, ttl int) error {
	if c.n.mute == b.Addr.Addr() {
		return nil
	}
	return c.Conn.WriteTTL(b, ttl)
}

// muted drops everything that a sends to b.
func muted(n *counting) { n.mute = netip.MustParseAddr("198.51.100.2") }

// A birthdayPair is two connected peers that need birthday probing. The peer a opens the sockets.
type birthdayPair struct {
	*world
	natA    *netsim.NAT
	sockets *counting // of a
	a, b    *tester
	la, lb  *p2p.Link
}

func (w *world) birthdayPair(kind netsim.Kind, change func(*counting), optionsB func(*p2p.PeerOptions)) *birthdayPair {
	w.t.Helper()
	s := &birthdayPair{world: w}
	natA, ha := w.behind("198.51.100.1", "192.168.1.2", kind)
	_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
	s.natA, s.sockets = natA, &counting{Network: ha, limit: 10_000}
	if change != nil {
		change(s.sockets)
	}
	s.a, s.b = w.peer(s.sockets, nil), w.peer(hb, optionsB)
	s.connect()
	return s
}

func (s *birthdayPair) connect() {
	s.t.Helper()
	s.la, _ = mustConnect(s.t, s.a, s.b)
	var err error
	if s.lb, err = s.b.Accept(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *birthdayPair) close() {
	s.t.Helper()
	s.a.Close()
	s.b.Close()
	if n := s.sockets.now(); n != 0 {
		s.t.Errorf("%d sockets are open at the end", n)
	}
}

// The losing sockets are closed when a round ends, and the winner is closed with the link.
func TestBirthdaySocketsAreClosed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.birthdayPair(netsim.Symmetric, nil, nil)
		defer s.close()
		time.Sleep(200 * time.Millisecond)
		before := s.sockets.now()
		if _, ok := until(t, p2p.PathDirect, time.Minute, s.la, s.lb); !ok {
			t.Fatalf("paths are %v and %v", s.la.Path(), s.lb.Path())
		}
		time.Sleep(5 * time.Second) // until the NAT discovery has closed its sockets, too
		if n := s.sockets.now(); n > before || n < 2 {
			t.Errorf("%d sockets are open, before there were %d", n, before)
		}
		own := s.sockets.now()
		s.la.Close()
		time.Sleep(time.Second)
		if n := s.sockets.now(); n != own-1 {
			t.Errorf("%d sockets are open once the link has ended, with it %d", n, own)
		}
	})
}

// A peer that closes during a round leaves no sockets open.
func TestBirthdayProbingIsInterrupted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.birthdayPair(netsim.Symmetric, muted, nil)
		time.Sleep(time.Second)
		if n := s.sockets.now(); n < 200 {
			t.Errorf("%d sockets are open", n)
		}
		s.close()
	})
}

func TestBirthdayProbingWithFewSockets(t *testing.T) {
	for _, limit := range []int{6, 100} {
		inWorld(t, func(t *testing.T, w *world) {
			s := w.birthdayPair(netsim.Symmetric, func(n *counting) { n.limit = limit }, nil)
			defer s.close()
			time.Sleep(time.Second)
			if n := s.sockets.now(); n == limit {
				t.Errorf("no socket is left to others of %d", limit)
			}
			time.Sleep(time.Minute)
			checkEcho(t, s.la, 10_000)
		})
	}
}

func TestBirthdayProbingTurnedOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.birthdayPair(netsim.Symmetric, nil, func(o *p2p.PeerOptions) { o.NoSpray = true })
		defer s.close()
		before := s.natA.Received().Datagrams
		time.Sleep(10 * time.Minute)
		if n := s.natA.Received().Datagrams - before; n > 1000 {
			t.Errorf("%d datagrams came", n)
		}
		if s.la.Path().Kind != p2p.PathRelay {
			t.Errorf("path %v", s.la.Path())
		}
	})
}

// A peer that never answers gets at most two rounds of probes an hour, over any number of links.
func TestBirthdayRoundsAreLimited(t *testing.T) {
	quiet := datagrams(t, func(o *p2p.PeerOptions) { o.NoSpray = true })
	loud := datagrams(t, nil)
	const rounds = 2 * 1024
	if n := loud - quiet; n < rounds-100 || n > rounds+100 {
		t.Errorf("%d probes within an hour, want %d", n, rounds)
	}
}

// datagrams returns how many datagrams arrive at a, whose own packets are
// dropped, over several links in 50 minutes.
func datagrams(t *testing.T, optionsB func(*p2p.PeerOptions)) int64 {
	t.Helper()
	var n int64
	inWorld(t, func(t *testing.T, w *world) {
		s := w.birthdayPair(netsim.Symmetric, muted, optionsB)
		defer s.close()
		for range 5 {
			time.Sleep(10 * time.Minute)
			if s.la.Path().Kind != p2p.PathRelay {
				t.Errorf("path %v", s.la.Path())
			}
			s.la.Close()
			s.connect()
		}
		n = s.natA.Received().Datagrams
	})
	return n
}

// If a NAT allocates ports in sequence, a few sockets and probes are enough, even
// if other hosts behind the NAT keep opening connections.
func TestPredictionUsesFewSockets(t *testing.T) {
	for _, others := range []int{0, 3} { // new mappings every 10 ms
		inWorld(t, func(t *testing.T, w *world) {
			s := w.birthdayPair(netsim.SymmetricSequential, nil, nil)
			defer s.close()
			neighbour, err := s.natA.Host("192.168.1.9").Listen("udp4", netip.AddrPort{})
			if err != nil {
				t.Fatal(err)
			}
			defer neighbour.Close()
			came := s.natA.Received().Datagrams
			port := uint16(1)
			for start := time.Now(); time.Since(start) < 2*time.Second; time.Sleep(10 * time.Millisecond) {
				for range others {
					port++
					neighbour.Write(udp.Batch{Addr: netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), port), Data: []byte{64}, Size: 1})
				}
			}
			if s.la.Path().Kind != p2p.PathDirect || s.lb.Path().Kind != p2p.PathDirect {
				t.Errorf("with %d others the paths are %v and %v", others, s.la.Path(), s.lb.Path())
			}
			if n := s.natA.Received().Datagrams - came; n > 150 {
				t.Errorf("with %d others %d datagrams came", others, n)
			}
			if s.sockets.most > 30 {
				t.Errorf("with %d others %d sockets were open", others, s.sockets.most)
			}
		})
	}
}
