package p2p

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/link"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/udp"
)

const (
	victimIP  = "192.0.2.66"
	serverIP  = "203.0.113.1"
	ipHeaders = 20 + 8 // IPv4 and UDP
	shortMost = 65     // largest datagram to a host that has not answered, except full pings
	fullPing  = 548
)

// A traffic counts datagrams and their bytes, including the headers of IP and UDP.
type traffic struct{ packets, bytes, full int }

func (c *traffic) add(e netsim.Event) {
	n := (len(e.Data) + e.Size - 1) / e.Size
	c.packets += n
	c.bytes += len(e.Data) + n*ipHeaders
	if e.Size > shortMost {
		c.full += n
	}
}

// A reflectionTest has a victim and four honest peers. It counts what an attacker sends to the honest peers to make
// them send to the victim, and what the victim gets.
type reflectionTest struct {
	t     *testing.T
	net   *netsim.Net
	good  []*Peer
	keys  []identity.SecretKey
	began time.Time

	mu    sync.Mutex // guards the fields below
	spent traffic    // sent by the attacker, and by the server to the honest peers
	got   traffic    // sent to the victim by the honest peers
}

const goodPeers = 4

func runReflectionTest(t *testing.T, attack func(t *testing.T, a *reflectionTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &reflectionTest{t: t, net: netsim.New(1)}
		defer a.net.Close()
		server, err := NewServer(ServerOptions{Key: someKey(t), Listen: ":3478", Network: a.net.Host(serverIP)})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		for i := range goodPeers {
			a.keys = append(a.keys, someKey(t))
			p := a.peer(a.net.Host(fmt.Sprintf("198.51.100.%d", i+1)), PeerOptions{Key: a.keys[i]})
			defer p.Close()
			if err := p.Registered(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.good = append(a.good, p)
		}
		time.Sleep(10 * time.Second) // until they know their NATs
		a.began = time.Now()
		a.net.Watch(a.watch)
		attack(t, a)
		time.Sleep(time.Minute)
		a.mu.Lock()
		defer a.mu.Unlock()
		t.Logf("within %v the attacker spent %+v, the victim got %+v", time.Since(a.began), a.spent, a.got)
		if a.got.packets == 0 {
			t.Error("the attack did not reach the victim")
		}
	})
}

func (a *reflectionTest) peer(on udp.Network, o PeerOptions) *Peer {
	a.t.Helper()
	o.Server, o.Network = serverIP+":3478", on
	p, err := NewPeer(o)
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func (a *reflectionTest) watch(e netsim.Event) {
	if e.What == "sent" {
		return
	}
	good := func(x netip.AddrPort) bool { return netip.MustParsePrefix("198.51.100.0/24").Contains(x.Addr()) }
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case good(e.From) && e.To.Addr() == netip.MustParseAddr(victimIP):
		a.got.add(e)
	case good(e.To):
		a.spent.add(e)
	}
}

// atMost checks that each honest peer, on average, sent the victim no more packets and full pings than allowed: the
// given numbers at once, and one more in each interval.
func (a *reflectionTest) atMost(packets int, each time.Duration, full int, eachFull time.Duration) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	took := time.Since(a.began)
	packets += int(took/each) + 1
	if eachFull > 0 {
		full += int(took/eachFull) + 1
	}
	if a.got.packets > goodPeers*packets || a.got.full > goodPeers*full {
		a.t.Errorf("the victim got %d packets, %d of them full, want at most %d and %d", a.got.packets, a.got.full, goodPeers*packets, goodPeers*full)
	}
	if most := goodPeers * (packets*(shortMost+ipHeaders) + full*(fullPing-shortMost)); a.got.bytes > most {
		a.t.Errorf("the victim got %d bytes, want at most %d", a.got.bytes, most)
	}
}

// cheaper checks that the victim got fewer bytes than the attacker spent.
func (a *reflectionTest) cheaper() {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.got.bytes >= a.spent.bytes {
		a.t.Errorf("the victim got %d bytes, for %d of the attacker", a.got.bytes, a.spent.bytes)
	}
}

// introduce makes a client ask each honest peer for new links, the given number of times. The handshakes name the
// candidates cs. The client sends nothing after them.
func (a *reflectionTest) introduce(ip string, times int, every time.Duration, cs []path.Candidate) {
	conn, err := a.net.Host(ip).Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	key := someKey(a.t)
	caller := client.New(client.Config{
		Key: key, Server: serverIP + ":3478", Instance: rand.Uint64() | 1,
		Send: func(to netip.AddrPort, b []byte) { conn.Write(udp.Batch{Addr: to, Data: b, Size: len(b)}) },
	})
	var serving sync.WaitGroup
	defer serving.Wait()
	defer conn.Close()
	defer caller.Close()
	serving.Go(func() {
		udp.Serve(conn, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) { caller.HandleDatagram(b.Addr, d) })
		})
	})
	for range times {
		for i, p := range a.good {
			g := greeting{index: rand.Uint32(), instance: rand.Uint64(), candidates: cs, nats: true}
			_, msg, err := noise.Initiate(key, a.keys[i].Public(), rendezvous.Prologue(rendezvous.LinkVersion, rendezvous.PurposeLink), g.append(nil))
			if err != nil {
				a.t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(a.t.Context(), every)
			caller.Introduce(ctx, client.Introduction{
				GUID: p.GUID(), Version: rendezvous.LinkVersion, What: rendezvous.WhatNewLink, Data: msg,
			})
			cancel()
		}
		time.Sleep(every)
	}
}

// victimPorts returns as many addresses of the victim as a peer may name.
func victimPorts() (cs []path.Candidate) {
	for port := range uint16(path.MaxCandidates) {
		cs = append(cs, path.Candidate{Kind: path.Host, Addr: netip.AddrPortFrom(netip.MustParseAddr(victimIP), 5000+port)})
	}
	return cs
}

// Many peers ask the honest peers for introductions that name the victim.
func TestVictimOfIntroductions(t *testing.T) {
	runReflectionTest(t, func(t *testing.T, a *reflectionTest) {
		for i := range 10 {
			a.introduce(fmt.Sprintf("198.51.101.%d", i+1), 5, time.Second, victimPorts())
		}
		a.atMost(16, 10*time.Second, 0, 0)
		a.cheaper()
	})
}

// Malicious peers have links with the honest peers and name the victim on them again and again.
func TestVictimOfLinks(t *testing.T) {
	runReflectionTest(t, func(t *testing.T, a *reflectionTest) {
		for i := range 5 {
			p := a.peer(a.net.Host(fmt.Sprintf("198.51.101.%d", i+1)), PeerOptions{Key: someKey(t), Calling: true})
			defer p.Close()
			for _, good := range a.good {
				l, err := p.Connect(t.Context(), good.GUID(), ConnectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for range 10 {
					l.inner.SetCandidates(victimPorts())
					time.Sleep(100 * time.Millisecond)
				}
			}
		}
		a.atMost(16, 10*time.Second, 0, 0)
		a.cheaper()
	})
}

// The server says that the caller is at the victim's address. The honest peers cannot distinguish whether the
// server made that up or a process at that address asked for the introductions.
func TestVictimOfAServer(t *testing.T) {
	t.Run("one call", func(t *testing.T) {
		runReflectionTest(t, func(t *testing.T, a *reflectionTest) {
			a.introduce(victimIP, 1, time.Second, nil)
			time.Sleep(time.Minute)
			a.atMost(8, time.Hour, 0, 0) // an opener and eight probes
		})
	})
	t.Run("calls", func(t *testing.T) {
		runReflectionTest(t, func(t *testing.T, a *reflectionTest) {
			a.introduce(victimIP, 100, 200*time.Millisecond, nil)
			a.atMost(64, 2*time.Second, 0, 0)
			a.cheaper()
		})
	})
	t.Run("links by the relay", func(t *testing.T) {
		runReflectionTest(t, func(t *testing.T, a *reflectionTest) {
			on := silent{a.net.Host(victimIP)}
			for range 10 {
				p := a.peer(on, PeerOptions{Key: someKey(t), Calling: true})
				defer p.Close()
				for _, good := range a.good {
					if _, err := p.Connect(t.Context(), good.GUID(), ConnectOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
			}
			a.atMost(64, 2*time.Second, 8, 20*time.Second)
			a.cheaper()
		})
	})
}

// A silent network drops everything except packets to the server.
type silent struct{ udp.Network }

func (s silent) Listen(family string, addr netip.AddrPort) (udp.Conn, error) {
	c, err := s.Network.Listen(family, addr)
	return silentConn{c}, err
}

type silentConn struct{ udp.Conn }

func (c silentConn) Write(b udp.Batch) error {
	if b.Addr.Addr() != netip.MustParseAddr(serverIP) {
		return nil
	}
	return c.Conn.Write(b)
}

func (c silentConn) WriteTTL(b udp.Batch, ttl int) error { return c.Write(b) }

// Malicious peers send packets of their links with the victim's address as the source.
func TestVictimOfForgedSources(t *testing.T) {
	runReflectionTest(t, func(t *testing.T, a *reflectionTest) {
		victim := a.net.Host(victimIP)
		for i := range 10 {
			forger := a.peer(a.net.Host(fmt.Sprintf("198.51.101.%d", i+1)), PeerOptions{Key: someKey(t), Calling: true})
			defer forger.Close()
			for _, good := range a.good {
				l, err := forger.Connect(t.Context(), good.GUID(), ConnectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for range 4 {
					forged, err := victim.Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
					if err != nil {
						t.Fatal(err)
					}
					defer forged.Close()
					l.inner.AddCandidate(link.Route{Conn: forged, Addr: l.Path().Addr})
				}
				time.Sleep(time.Second)
			}
		}
		a.atMost(16, 10*time.Second, 0, 0)
		a.cheaper()
	})
}
