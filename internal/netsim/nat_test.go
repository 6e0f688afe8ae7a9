package netsim

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2ptool/p2p/udp"
)

var kinds = []Kind{FullCone, AddressRestricted, PortRestricted, Symmetric, SymmetricSequential, BareMasquerade}

var (
	server1 = addrPort("203.0.113.1:9")
	server2 = addrPort("203.0.113.1:10")
	other   = addrPort("203.0.113.2:9")
)

// A lab is a server with two ports, another host, and a host behind a NAT.
type lab struct {
	n             *Net
	nat           *NAT
	host          *Host
	in            *inbox // of host, at port 5
	srv1, srv2, o *inbox
}

func newLab(t *testing.T, kind Kind) *lab {
	l := &lab{n: New(1)}
	server := l.n.Host("203.0.113.1")
	l.srv1, l.srv2 = open(t, server, "0.0.0.0:9"), open(t, server, "0.0.0.0:10")
	l.o = open(t, l.n.Host("203.0.113.2"), "0.0.0.0:9")
	l.nat = l.n.NAT("198.51.100.1", kind)
	l.host = l.nat.Host("192.168.1.2")
	l.in = open(t, l.host, "0.0.0.0:5")
	return l
}

// observed returns the source of in's datagrams as the server sees it.
func observed(in, server *inbox, at netip.AddrPort) netip.AddrPort {
	in.send(at, "who am I")
	return server.last().from
}

func TestMappingAndFiltering(t *testing.T) {
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
		{BareMasquerade, true, false, false},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLab(t, tt.kind)
				mapped := observed(l.in, l.srv1, server1)
				for _, probe := range []struct {
					by   *inbox
					name string
					want bool
				}{
					{l.srv1, "asked", true}, {l.srv2, "other port", tt.fromPort}, {l.o, "stranger", tt.fromStranger},
				} {
					probe.by.send(mapped, probe.name)
					all := l.in.after(time.Second)
					came := len(all) > 0 && all[len(all)-1].data == probe.name
					if came != probe.want {
						t.Errorf("from %s: came %v, want %v", probe.name, came, probe.want)
					}
				}
				second := observed(l.in, l.srv2, server2)
				// The bare masquerade took the other port's packet for its own.
				if tt.kind == BareMasquerade {
					second = observed(l.in, l.o, addrPort("203.0.113.2:9"))
					if second == mapped {
						t.Error("an early arrival changed nothing")
					}
					return
				}
				if (second == mapped) != tt.sameMapping {
					t.Errorf("mapped to %v and %v", mapped, second)
				}
				if tt.kind == SymmetricSequential && second.Port() != mapped.Port()+1 {
					t.Errorf("ports %d and %d are not in sequence", mapped.Port(), second.Port())
				}
			})
		})
	}
}

// punch makes two hosts behind NATs send to each other's address as seen by a server, the second later
// than the first, and reports whether both receive an answer.
func punch(t *testing.T, ka, kb Kind, later time.Duration, opener bool) bool {
	n := New(uint64(ka)*10 + uint64(kb))
	server := n.Host("203.0.113.1")
	srv := open(t, server, "0.0.0.0:9")
	side := func(addr, inner string, k Kind) *inbox {
		nat := n.NAT(addr, k)
		nat.Link(Link{Delay: 10 * ms})
		return open(t, nat.Host(inner), "0.0.0.0:0")
	}
	a, b := side("198.51.100.1", "192.168.1.2", ka), side("198.51.100.2", "192.168.1.2", kb)
	atA, atB := observed(a, srv, server1), observed(b, srv, server1)
	for _, in := range []*inbox{a, b} {
		in.mu.Lock()
		answered := false
		in.onData = func(g got) {
			if g.data != "ping" {
				return
			}
			in.send(g.from, "pong")
			if !answered { // the source may differ from what the server saw
				in.send(g.from, "ping")
			}
			answered = true
		}
		in.mu.Unlock()
	}
	if opener {
		_ = a.conn.WriteTTL(udp.Batch{Addr: atB, Data: []byte("open"), Size: 4}, 4)
		_ = b.conn.WriteTTL(udp.Batch{Addr: atA, Data: []byte("open"), Size: 4}, 4)
	}
	a.send(atB, "ping")
	time.Sleep(later)
	for range 10 {
		b.send(atA, "ping")
		a.send(atB, "ping")
		time.Sleep(50 * ms)
	}
	ponged := func(in *inbox) bool {
		return slices.ContainsFunc(in.after(time.Second), func(g got) bool { return g.data == "pong" })
	}
	return ponged(a) && ponged(b)
}

func TestPunching(t *testing.T) {
	strict := func(k Kind) bool { return k == PortRestricted || k == BareMasquerade || k.symmetric() }
	for _, ka := range kinds {
		for _, kb := range kinds {
			want := !(ka.symmetric() && strict(kb) || kb.symmetric() && strict(ka))
			t.Run(fmt.Sprint(ka, " with ", kb), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					if got := punch(t, ka, kb, 0, false); got != want {
						t.Errorf("punched: %v, want %v", got, want)
					}
				})
			})
		}
	}
}

func TestEarlyArrival(t *testing.T) {
	for _, tt := range []struct {
		later  time.Duration
		opener bool
		want   bool
	}{{0, false, true}, {200 * ms, false, false}, {200 * ms, true, true}} {
		t.Run(fmt.Sprint(tt.later, tt.opener), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				if got := punch(t, PortRestricted, BareMasquerade, tt.later, tt.opener); got != tt.want {
					t.Errorf("punched: %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestMappingTimeout(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLab(t, kind)
				mapped := observed(l.in, l.srv1, server1) // a second passes
				for _, tt := range []struct {
					quiet time.Duration
					want  int
				}{{28 * time.Second, 1}, {29 * time.Second, 2}, {30 * time.Second, 2}} {
					time.Sleep(tt.quiet)
					l.srv1.send(mapped, "x")
					if n := len(l.in.after(0)); n != tt.want {
						t.Errorf("after %v without traffic: %d arrived in all, want %d", tt.quiet, n, tt.want)
					}
				}
				l.nat.Flush()
				l.nat.SetTimeout(time.Minute)
				mapped = observed(l.in, l.srv1, server1)
				time.Sleep(58 * time.Second)
				l.srv1.send(mapped, "x")
				if n := len(l.in.after(0)); n != 3 {
					t.Error("a mapping of a minute expired earlier")
				}
			})
		})
	}
}

func TestRebind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, PortRestricted)
		before := observed(l.in, l.srv1, server1)
		l.nat.Flush()
		l.srv1.send(before, "x")
		if n := len(l.in.after(time.Second)); n != 0 {
			t.Error("a flushed mapping let something in")
		}
		if got := observed(l.in, l.srv1, server1); got != before {
			t.Errorf("after Flush %v, want %v again", got, before)
		}
		l.nat.Rebind()
		rebound := observed(l.in, l.srv1, server1)
		if rebound == before || rebound.Addr() != before.Addr() {
			t.Errorf("after Rebind %v", rebound)
		}
		l.nat.Readdress("198.51.100.9")
		if got := observed(l.in, l.srv1, server1); got.Addr() != netip.MustParseAddr("198.51.100.9") || l.nat.Addr() != got.Addr() {
			t.Errorf("after Readdress %v", got)
		}
		l.srv1.send(rebound, "x")
		if n := len(l.in.after(time.Second)); n != 0 {
			t.Error("the old address still works")
		}
	})
}

func TestHairpin(t *testing.T) {
	for _, on := range []bool{false, true} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLab(t, PortRestricted)
				l.nat.SetHairpin(on)
				second := open(t, l.nat.Host("192.168.1.3"), "0.0.0.0:6")
				a, b := observed(l.in, l.srv1, server1), observed(second, l.srv1, server1)
				l.in.send(b, "open")
				second.send(a, "hello")
				all := l.in.after(time.Second)
				if came := len(all) == 1 && all[0].from == b; came != on {
					t.Errorf("came: %v", all)
				}
			})
		})
	}
}

func TestSameLAN(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, Symmetric)
		second := open(t, l.nat.Host("192.168.1.3"), "0.0.0.0:6")
		l.in.send(addrPort("192.168.1.3:6"), "hello")
		if g := second.last(); g.from != addrPort("192.168.1.2:5") {
			t.Errorf("from %v", g.from)
		}
	})
}

// Two hosts that send from the same port get different mappings.
func TestPortsAreExclusive(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLab(t, kind)
				second := open(t, l.nat.Host("192.168.1.3"), "0.0.0.0:5")
				a, b := observed(l.in, l.srv1, server1), observed(second, l.srv1, server1)
				l.srv1.send(a, "a")
				l.srv1.send(b, "b")
				if x, y := l.in.last().data, second.last().data; x != "a" || y != "b" || a == b {
					t.Errorf("%v got %q, %v got %q", a, x, b, y)
				}
			})
		})
	}
}

func TestDoubleNAT(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, PortRestricted)
		inner := l.nat.NAT("192.168.1.9", PortRestricted)
		deep := open(t, inner.Host("10.0.0.2"), "0.0.0.0:7")
		mapped := observed(deep, l.srv1, server1)
		if mapped != addrPort("198.51.100.1:7") {
			t.Errorf("mapped to %v", mapped)
		}
		l.srv1.send(mapped, "in")
		l.o.send(mapped, "stranger")
		if g := deep.last(); g.data != "in" || len(deep.all) != 1 {
			t.Errorf("got %+v", deep.all)
		}
		deep.send(addrPort("192.168.1.2:5"), "to the middle")
		if g := l.in.last(); g.from != addrPort("192.168.1.9:7") {
			t.Errorf("from %v", g.from)
		}
	})
}

func TestForward(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, Symmetric)
		l.nat.Forward(4000, addrPort("192.168.1.2:5"))
		l.o.send(addrPort("198.51.100.1:4000"), "hello")
		if g := l.in.last(); g.from != other {
			t.Errorf("from %v", g.from)
		}
		l.nat.Rebind()
		l.o.send(addrPort("198.51.100.1:4000"), "again")
		if g := l.in.last(); g.data != "again" {
			t.Error("a forwarded port ended with the mappings")
		}
	})
}
