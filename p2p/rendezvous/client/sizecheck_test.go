package client

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/tunnel"
)

// narrow lets short packets pass alone, in one direction or both.
var narrowings = map[string]func(h *netsim.Host, mtu int){
	"to the server":   func(h *netsim.Host, mtu int) { h.LinkUp(netsim.Link{Delay: 20 * ms, MTU: mtu}) },
	"from the server": func(h *netsim.Host, mtu int) { h.LinkDown(netsim.Link{Delay: 20 * ms, MTU: mtu}) },
	"both":            func(h *netsim.Host, mtu int) { h.Link(netsim.Link{Delay: 20 * ms, MTU: mtu}) },
}

// callWith has a peer call another with as much data as goes, and answer with as much.
func callWith(t *testing.T, from, to *testPeer) error {
	t.Helper()
	to.answerWith(func(c *Call) { c.Answer(make([]byte, rendezvous.MaxIntroduction)) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := from.Introduce(ctx, Introduction{GUID: to.key.GUID(), Version: rendezvous.LinkVersion, What: rendezvous.WhatNewLink, Data: make([]byte, rendezvous.MaxIntroduction)})
	return err
}

// The path to the server stops carrying full packets in mid-session. Who calls, and who is told of trouble, is by a
// stream within 3 s; who only waits for calls within 30 s; and all come back to UDP.
func TestNarrowPathToServer(t *testing.T) {
	for name, narrow := range narrowings {
		for _, mtu := range []int{100, 500, rendezvous.SureDatagram - 10} {
			for _, trouble := range []string{"call", "refresh", "idle"} {
				t.Run(name+"/"+trouble, func(t *testing.T) {
					inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, _ *testServer) {
						h := linked(n, "198.51.100.2", 20*ms)
						p := streaming(t, h, tcp, "198.51.100.2", nil)
						q := startPeer(t, linked(n, "198.51.100.3", 20*ms), nil)
						p.mustRegister(time.Second)
						q.mustRegister(time.Second)
						time.Sleep(7 * time.Second)
						narrow(h, mtu)
						switch trouble {
						case "call":
							if err := callWith(t, p, q); err != nil {
								t.Errorf("its call: %v", err)
							}
						case "refresh":
							p.RefreshNow()
							time.Sleep(3 * time.Second)
						case "idle":
							time.Sleep(40 * time.Second)
						}
						if err := callWith(t, q, p); err != nil || !tunnel.Marked(p.ServerAddr().Addr()) {
							t.Errorf("a call to it: %v; the server is at %v", err, p.ServerAddr())
						}
						time.Sleep(2 * time.Minute)
						if !tunnel.Marked(p.ServerAddr().Addr()) {
							t.Errorf("back by UDP at %v", p.ServerAddr())
						}
						narrow(h, 0)
						time.Sleep(lastUDPTry + time.Second)
						if tunnel.Marked(p.ServerAddr().Addr()) || p.count("lost") != 0 {
							t.Errorf("not back by UDP: at %v, lost %d times", p.ServerAddr(), p.count("lost"))
						}
						if err := callWith(t, q, p); err != nil {
							t.Errorf("a call by UDP: %v", err)
						}
					})
				})
			}
		}
	}
}

// Without streams the server is lost, for a reason that is told, until full packets pass again.
func TestNarrowPathWithoutStreams(t *testing.T) {
	for name, narrow := range narrowings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := netsim.New(1)
				startServer(t, n.Host(serverHost), nil)
				h := linked(n, "198.51.100.2", 20*ms)
				p := startPeer(t, h, nil)
				p.mustRegister(time.Second)
				time.Sleep(time.Second)
				narrow(h, 500)
				p.RefreshNow()
				time.Sleep(2 * time.Second)
				if p.count("lost") != 1 {
					t.Errorf("state %v, lost %d times", p.State(), p.count("lost"))
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := p.Registered(ctx); err == nil || !errors.Is(p.Reason(), handshake.ErrNarrow) {
					t.Errorf("Registered: %v, the reason: %v", err, p.Reason())
				}
				narrow(h, 0)
				p.mustRegister(time.Minute)
				if err := p.Reason(); err != nil {
					t.Errorf("registered, and the reason is %v", err)
				}
			})
		})
	}
}

// Loss at random is not taken for a path that carries short packets alone.
func TestLossIsNotNarrow(t *testing.T) {
	failed := 0
	for seed := range uint64(20) {
		inTunnels(t, func(t *testing.T, _ *netsim.Net, tcp *netsim.Streams, s *testServer) {
			n := netsim.New(seed)
			s.Close()
			s.config.Network = n.Host(serverHost)
			s.start()
			h := n.Host("198.51.100.2")
			h.Link(netsim.Link{Delay: 20 * ms, Loss: 0.2})
			p := streaming(t, h, tcp, "198.51.100.2", nil)
			p.mustRegister(time.Minute)
			time.Sleep(10 * time.Minute)
			if tunnel.Marked(p.ServerAddr().Addr()) {
				failed++
			}
		})
	}
	if failed > 1 {
		t.Errorf("%d of 20 clients left UDP", failed)
	}
}

// A client that has left UDP for a stream because of the path's size keeps its session while the stream is down for less time
// than it waits for answers.
func TestStreamBreaksAfterNarrowPath(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, _ *testServer) {
		var conns dialed
		var down atomic.Bool
		dial := tcp.From("198.51.100.2")
		h := linked(n, "198.51.100.2", 20*ms)
		p := streaming(t, h, tcp, "198.51.100.2", func(c *Config) {
			c.Tunnel.Dial = conns.wrap(func(ctx context.Context, network, addr string) (net.Conn, error) {
				if down.Load() {
					return nil, errors.New("no network")
				}
				return dial(ctx, network, addr)
			})
		})
		p.mustRegister(time.Second)
		time.Sleep(time.Second)
		h.Link(netsim.Link{Delay: 20 * ms, MTU: 500})
		p.RefreshNow()
		time.Sleep(5 * time.Second)
		if !tunnel.Marked(p.ServerAddr().Addr()) {
			t.Fatal("still by UDP")
		}
		down.Store(true)
		conns.cut()
		time.Sleep(3 * time.Second)
		down.Store(false)
		time.Sleep(3 * time.Second)
		if p.count("lost") != 0 || p.State() != Registered {
			t.Errorf("lost %d times, %v", p.count("lost"), p.State())
		}
	})
}
