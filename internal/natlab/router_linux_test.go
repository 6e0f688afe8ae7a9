package natlab

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"p2ptool/p2p/udp"
)

var kinds = []Kind{FullCone, AddressRestricted, PortRestricted, Symmetric, BareMasquerade, SymmetricSequential}

// A scene is a server with two ports, another host, and a host behind a router.
type scene struct {
	lab             *Lab
	router          *Router
	host            *Host
	in              *inbox // of host, at port 5000
	asked, port2, o *inbox
}

func newScene(t *testing.T, kind Kind) *scene {
	l := New(t)
	// The other address is on the same host, so that packets from the two keep their order.
	server := l.Host("203.0.113.1", "203.0.113.2")
	s := &scene{lab: l, router: l.Router("198.51.100.1", kind)}
	s.host = s.router.Host("192.168.1.2")
	s.in = open(t, s.host, "0.0.0.0:5000")
	s.asked, s.port2 = open(t, server, "203.0.113.1:9"), open(t, server, "203.0.113.1:10")
	s.o = open(t, server, "203.0.113.2:9")
	return s
}

func TestMappingAndFiltering(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind                   Kind
		sameMapping            bool
		fromPort, fromStranger bool // let in from another port, from another host
	}{
		{FullCone, true, true, true},
		{AddressRestricted, true, true, false},
		{PortRestricted, true, false, false},
		{Symmetric, false, false, false},
		{SymmetricSequential, false, false, false},
		{BareMasquerade, false, false, false}, // the probes from the other port arrive early
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, tt.kind)
			mapped := observed(s.in, s.asked)
			if mapped.Addr() != netip.MustParseAddr("198.51.100.1") {
				t.Fatalf("mapped to %v", mapped)
			}
			s.o.send(mapped, "stranger")
			s.port2.send(mapped, "other port")
			s.asked.send(mapped, "asked")
			came := map[string]bool{}
			for g := s.in.next(); g.data != "asked"; g = s.in.next() {
				came[g.data] = true
			}
			if came["stranger"] != tt.fromStranger || came["other port"] != tt.fromPort {
				t.Errorf("let in: %v", came)
			}
			if second := observed(s.in, s.port2); (second == mapped) != tt.sameMapping {
				t.Errorf("mapped to %v and %v", mapped, second)
			}
		})
	}
}

// A side is one of the two hosts that punch holes.
type side struct {
	in     *inbox
	at     netip.AddrPort // as the server saw it
	ponged chan struct{}
}

func newSide(t *testing.T, at place, server *inbox) *side {
	in := open(t, at, "0.0.0.0:5000")
	return &side{in, observed(in, server), make(chan struct{})}
}

// run sends and answers pings until both sides have an answer, or until the time is over.
func (s *side) run(peer *side, over <-chan struct{}) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	to, ponged := peer.at, false
	s.in.send(to, "ping")
	for {
		select {
		case <-again.C:
			s.in.send(to, "ping")
		case g := <-s.in.c:
			switch {
			case g.data == "ping":
				to = g.from // may differ from the address that the server saw
				s.in.send(to, "pong")
			case g.data == "pong" && !ponged:
				ponged = true
				close(s.ponged)
			}
		case <-over:
			return
		}
	}
}

// punch reports whether both sides got an answer when b starts later than a.
func punch(a, b *side, later, wait time.Duration) bool {
	var wg sync.WaitGroup
	over := make(chan struct{})
	defer wg.Wait()
	defer close(over)
	wg.Go(func() { a.run(b, over) })
	wg.Go(func() {
		select {
		case <-time.After(later):
			b.run(a, over)
		case <-over:
		}
	})
	deadline := time.After(later + wait)
	for _, s := range []*side{a, b} {
		select {
		case <-s.ponged:
		case <-deadline:
			return false
		}
	}
	return true
}

func TestPunching(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b  Kind
		later time.Duration
		open  bool // both first send a packet with a short time to live
		want  bool
	}{
		{PortRestricted, PortRestricted, 0, false, true},
		{PortRestricted, PortRestricted, 200 * ms, false, true},
		{FullCone, Symmetric, 0, false, true},
		{AddressRestricted, Symmetric, 0, false, true},
		{PortRestricted, Symmetric, 0, false, false},
		{Symmetric, Symmetric, 0, false, false},
		{PortRestricted, BareMasquerade, 200 * ms, false, false},
		{PortRestricted, BareMasquerade, 200 * ms, true, true},
	} {
		t.Run(fmt.Sprint(tt.a, " with ", tt.b, " ", tt.later, " ", tt.open), func(t *testing.T) {
			t.Parallel()
			l := New(t)
			server := open(t, l.Host("203.0.113.1"), "203.0.113.1:9")
			a := newSide(t, l.Router("198.51.100.1", tt.a).Host("192.168.1.2"), server)
			b := newSide(t, l.Router("198.51.100.2", tt.b).Host("192.168.1.2"), server)
			if tt.open {
				opener := udp.Batch{Data: []byte("open"), Size: 4}
				for _, s := range [][2]*side{{a, b}, {b, a}} {
					opener.Addr = s[1].at
					if err := s[0].in.conn.WriteTTL(opener, 4); err != nil {
						t.Fatal(err)
					}
				}
			}
			wait := patience
			if !tt.want {
				wait = 300 * ms
			}
			if got := punch(a, b, tt.later, wait); got != tt.want {
				t.Errorf("punched: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDoubleNAT(t *testing.T) {
	t.Parallel()
	l := New(t)
	server := open(t, l.Host("203.0.113.1"), "203.0.113.1:9")
	outer := l.Router("198.51.100.1", PortRestricted)
	a := newSide(t, outer.Router("10.0.0.2", PortRestricted).Host("192.168.1.2"), server)
	b := newSide(t, l.Router("198.51.100.2", PortRestricted).Host("192.168.1.2"), server)
	if a.at.Addr() != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("mapped to %v", a.at)
	}
	if !punch(a, b, 0, patience) {
		t.Error("hole punching failed")
	}
}

func TestSameLAN(t *testing.T) {
	t.Parallel()
	s := newScene(t, Symmetric)
	second := open(t, s.router.Host("192.168.1.3"), "192.168.1.3:6")
	s.in.send(second.addr(), "hello")
	if g := second.next(); g.from != netip.MustParseAddrPort("192.168.1.2:5000") {
		t.Errorf("from %v", g.from)
	}
}

// TestFlush: nothing gets in by the old mapping; then a new mapping works.
func TestFlush(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, kind)
			second := open(t, s.host, "0.0.0.0:5001")
			mapped := observed(s.in, s.asked)
			s.router.Flush()
			later := observed(second, s.asked)
			s.asked.send(mapped, "old")
			s.asked.send(later, "past the router")
			second.expect("past the router")
			s.asked.send(observed(s.in, s.asked), "now")
			s.in.expect("now")
		})
	}
}

func TestRebinding(t *testing.T) {
	t.Parallel()
	s := newScene(t, PortRestricted)
	before := observed(s.in, s.asked)
	s.router.Remap(5000, 6000)
	if got := observed(s.in, s.asked); got != netip.AddrPortFrom(before.Addr(), 6000) {
		t.Errorf("after Remap %v", got)
	}
	s.asked.send(before, "old")
	s.router.Readdress("198.51.100.7")
	if got := observed(s.in, s.asked); got != netip.MustParseAddrPort("198.51.100.7:6000") {
		t.Errorf("after Readdress %v", got)
	} else {
		s.asked.send(got, "new")
		s.in.expect("new")
	}
}

func TestSetTimeout(t *testing.T) {
	t.Parallel()
	s := newScene(t, PortRestricted)
	s.router.SetTimeout(7 * time.Second)
	s.router.Do(func() {
		for _, name := range []string{"nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"} {
			got, err := os.ReadFile("/proc/sys/net/netfilter/" + name)
			if err != nil || string(got) != "7\n" {
				t.Errorf("%s is %q (%v)", name, got, err)
			}
		}
	})
}

// TestBlockUDP: only UDP to port 53 and TCP pass.
func TestBlockUDP(t *testing.T) {
	t.Parallel()
	s := newScene(t, FullCone)
	server := s.lab.Host("203.0.113.3")
	dns := open(t, server, "203.0.113.3:53")
	var listener net.Listener
	var err error
	server.Do(func() { listener, err = net.Listen("tcp4", "203.0.113.3:443") })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	mapped := observed(s.in, s.asked)
	s.router.BlockUDP()
	s.in.send(s.asked.addr(), "out")
	s.asked.send(mapped, "in")
	s.in.send(dns.addr(), "dns")
	dns.expect("dns")

	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if c, err := listener.Accept(); err == nil {
			_, _ = c.Write([]byte("tcp"))
			c.Close()
		}
	})
	var c net.Conn
	s.host.Do(func() { c, err = net.DialTimeout("tcp4", "203.0.113.3:443", patience) })
	if err != nil {
		listener.Close()
		t.Fatal(err)
	}
	defer c.Close()
	if all, err := io.ReadAll(c); string(all) != "tcp" {
		t.Errorf("read %q, %v", all, err)
	}
	select {
	case g := <-s.asked.c:
		t.Errorf("%q passed", g.data)
	case g := <-s.in.c:
		t.Errorf("%q passed", g.data)
	default:
	}
}

// TestDropLonger: packets that are too long are dropped in both directions; all others pass.
func TestDropLonger(t *testing.T) {
	t.Parallel()
	s := newScene(t, FullCone)
	mapped := observed(s.in, s.asked)
	const longest, headers = 600, 28
	s.router.DropLonger(longest)
	fits, long := strings.Repeat("x", longest-headers), strings.Repeat("y", longest-headers+1)
	s.in.send(s.asked.addr(), long)
	s.in.send(s.asked.addr(), fits)
	s.asked.expect(fits)
	s.asked.send(mapped, long)
	s.asked.send(mapped, fits)
	s.in.expect(fits)
}
