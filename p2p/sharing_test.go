package p2p_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// checkAlive checks that a link is up and carries data.
func checkAlive(t *testing.T, what string, l *p2p.Link) {
	t.Helper()
	if l.Err() != nil {
		t.Errorf("%s: %v", what, l.Err())
		return
	}
	checkEcho(t, l, 1000)
}

// A call that requires a kind of path gets a separate link, and leaves the existing one alone.
func TestRequiredPathLeavesLinksAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.public("198.51.100.1", nil), w.public("198.51.100.2", nil)
		shared, _ := mustConnect(t, a, b)
		theirs, err := b.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ from, to *tester }{{a, b}, {b, a}} {
			l, err := c.from.Connect(t.Context(), c.to.GUID(), p2p.ConnectOptions{Require: p2p.RequireRelay})
			if err != nil || l == shared || l == theirs || l.Path().Kind != p2p.PathRelay {
				t.Fatalf("by the relay: %v, %v", err, l)
			}
			time.Sleep(10 * time.Second)
			checkAlive(t, "the link by the relay", l)
			checkAlive(t, "the link that was there", shared)
			checkAlive(t, "its other end", theirs)
			again, err := c.from.Connect(t.Context(), c.to.GUID(), p2p.ConnectOptions{Require: p2p.RequireDirect})
			if err != nil || again != shared && again != theirs {
				t.Errorf("a direct link is there and was not given: %v", err)
			}
			l.Close()
		}
		time.Sleep(time.Second)
		checkAlive(t, "the link that was there, at the end", shared)
		a.Close()
		b.Close()
	})
}

// Two processes of one peer, of any kinds, each have their own link with another peer. The end of one
// process does not affect the link of the other.
func TestProcessesOfOnePeer(t *testing.T) {
	kinds := map[string]func(*p2p.PeerOptions){
		"listener": func(*p2p.PeerOptions) {},
		"fallback": func(o *p2p.PeerOptions) { o.Fallback = true },
		"caller":   func(o *p2p.PeerOptions) { o.Calling = true },
	}
	for first, one := range kinds {
		for second, two := range kinds {
			t.Run(first+" then "+second, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					key := newKey(t)
					a := w.public("198.51.100.1", nil)
					_, host := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
					start := func(change func(*p2p.PeerOptions)) *tester {
						return w.peer(host, func(o *p2p.PeerOptions) { o.Key = key; change(o) })
					}
					b1 := start(one)
					l1, _ := mustConnect(t, b1, a)
					time.Sleep(time.Second)
					b2 := start(two)
					l2, _ := mustConnect(t, b2, a)
					time.Sleep(5 * time.Second)
					checkAlive(t, "the first process's", l1)
					checkAlive(t, "the second's", l2)
					host.Cut()
					time.Sleep(20 * time.Second)
					host.Heal()
					time.Sleep(10 * time.Second)
					checkAlive(t, "the first process's after an outage", l1)
					checkAlive(t, "the second's after an outage", l2)
					b2.Close()
					time.Sleep(5 * time.Second)
					checkAlive(t, "the first's when the second has ended", l1)
					b1.Close()
					a.Close()
				})
			})
		}
	}
}

// Without a listener, calls reach a process that joined. If the newest listener does not accept
// the kind of stream, calls reach a process that does.
func TestCallsReachAcceptingProcess(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		handle := func(kinds ...string) map[string]func(*p2p.Link, *p2p.Stream) {
			m := map[string]func(*p2p.Link, *p2p.Stream){"echo": echo}
			for _, k := range kinds {
				m[k] = echo
			}
			return m
		}
		joined := w.public("198.51.100.2", func(o *p2p.PeerOptions) {
			o.Key, o.Fallback, o.Handlers = key, true, handle("chat", "file")
		})
		if err := joined.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		host := w.net.Host("198.51.100.9")
		reached := func(kind string) string {
			t.Helper()
			c := w.peer(host, func(o *p2p.PeerOptions) { o.Calling = true })
			defer c.Close()
			l, err := c.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{Kind: kind})
			if err != nil {
				return err.Error()
			}
			return l.Path().Addr.Addr().String()
		}
		if got := reached(""); got != "198.51.100.2" {
			t.Errorf("with one that joined: %v", got)
		}
		if got := reached("chat"); got != "198.51.100.2" {
			t.Errorf("chat with one that joined: %v", got)
		}
		files := w.public("198.51.100.3", func(o *p2p.PeerOptions) { o.Key, o.Handlers = key, handle("file") })
		files.Registered(t.Context())
		for kind, want := range map[string]string{
			"": "198.51.100.3", "file": "198.51.100.3", "chat": "198.51.100.2",
			"nonsense": `refused by the peer: it does not accept "nonsense" now`,
		} {
			if got := reached(kind); got != want {
				t.Errorf("%q with a listener for files: %v, want %v", kind, got, want)
			}
		}
		// A link that is up serves only what its process accepts.
		c := w.peer(host, func(o *p2p.PeerOptions) { o.Calling = true })
		for _, kind := range []string{"file", "chat", "file"} {
			want := map[string]string{"file": "198.51.100.3", "chat": "198.51.100.2"}[kind]
			l, err := c.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{Kind: kind})
			if err != nil || l.Path().Addr.Addr().String() != want {
				t.Errorf("%q beside other links: %v, %v, want %v", kind, l, err, want)
			}
		}
		c.Close()
		joined.Close()
		files.Close()
	})
}

// The newest listener is killed. A call goes to the previous one after two seconds, and
// the next call goes there at once.
func TestCallsSkipKilledListener(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		var hosts []*netsim.Host
		var processes []*tester
		for _, ip := range []string{"198.51.100.2", "198.51.100.3", "198.51.100.4"} {
			h := w.net.Host(ip)
			h.Link(netsim.Link{Delay: oneWay})
			p := w.peer(h, func(o *p2p.PeerOptions) { o.Key = key })
			p.Registered(t.Context())
			time.Sleep(time.Second)
			hosts, processes = append(hosts, h), append(processes, p)
		}
		a := w.public("198.51.100.1", nil)
		a.Registered(t.Context())
		hosts[2].Cut()
		start := time.Now()
		l, err := a.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{})
		took := time.Since(start)
		if err != nil || took > 2500*time.Millisecond || l.Path().Addr.Addr() != netip.MustParseAddr("198.51.100.3") {
			t.Errorf("%v after %v", err, took)
		}
		c := w.public("198.51.100.9", nil)
		c.Registered(t.Context())
		start = time.Now()
		if _, err := c.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{}); err != nil || time.Since(start) > 500*time.Millisecond {
			t.Errorf("the next call: %v after %v", err, time.Since(start))
		}
		for _, p := range append(processes, a, c) {
			p.Close()
		}
	})
}

// If two callers wait for the same attempt and one gives up, the attempt continues for the other.
func TestCanceledConnectLeavesAttempt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.public("198.51.100.1", nil), w.public("198.51.100.2", nil)
		a.Registered(t.Context())
		b.Registered(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		first := make(chan error)
		go func() {
			_, err := a.Connect(ctx, b.GUID(), p2p.ConnectOptions{})
			first <- err
		}()
		time.Sleep(time.Millisecond)
		l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{})
		if err != nil {
			t.Fatalf("who stayed: %v", err)
		}
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up: %v", err)
		}
		checkEcho(t, l, 1000)
		a.Close()
		b.Close()
	})
}

// Two peers that connect to each other at the same moment, by discovery or by address, end up with
// one link.
func TestBothConnectAtOnceWithoutServer(t *testing.T) {
	for _, apart := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 30 * time.Millisecond} {
		for _, how := range []string{"found", "addressed"} {
			inWorld(t, func(t *testing.T, w *world) {
				a, b, _ := neighbours(w, "")
				connect := func(from, to *tester) (*p2p.Link, error) {
					if how == "found" {
						return from.Connect(t.Context(), to.GUID(), p2p.ConnectOptions{})
					}
					for _, addr := range to.LocalAddrs() {
						if addr.Addr().Is4() {
							host := map[*tester]string{a: "192.168.1.2", b: "192.168.1.3"}[to]
							return from.Connect(t.Context(), to.GUID(), p2p.ConnectOptions{Addr: netip.AddrPortFrom(netip.MustParseAddr(host), addr.Port()).String()})
						}
					}
					return nil, errors.New("no address")
				}
				var wg sync.WaitGroup
				for i, c := range []struct{ from, to *tester }{{a, b}, {b, a}} {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * apart)
						l, err := connect(c.from, c.to)
						if err != nil {
							t.Errorf("%s, %v apart, peer %d: %v", how, apart, i, err)
							return
						}
						time.Sleep(5 * time.Second)
						checkAlive(t, "the link", l)
					})
				}
				wg.Wait()
				for _, p := range []*tester{a, b} {
					if n := count[p2p.Connected](p) - count[p2p.Disconnected](p); n != 1 {
						t.Errorf("%s, %v apart: a peer has %d links", how, apart, n)
					}
				}
				a.Close()
				b.Close()
			})
		}
	}
}

// If two processes call each other at once, both get a link, whether they are listeners or have joined.
func TestCrossingCallsOfAnyRank(t *testing.T) {
	fallback := func(o *p2p.PeerOptions) { o.Fallback = true }
	for _, ranks := range [][2]func(*p2p.PeerOptions){{nil, fallback}, {fallback, nil}, {fallback, fallback}} {
		for range 3 { // so that most likely each GUID is the smaller one once
			for _, apart := range []time.Duration{0, 15 * time.Millisecond, 40 * time.Millisecond} {
				inWorld(t, func(t *testing.T, w *world) {
					a, b := w.public("198.51.100.1", ranks[0]), w.public("198.51.100.2", ranks[1])
					a.Registered(t.Context())
					b.Registered(t.Context())
					var wg sync.WaitGroup
					for i, c := range []struct{ from, to *tester }{{a, b}, {b, a}} {
						wg.Go(func() {
							time.Sleep(time.Duration(i) * apart)
							start := time.Now()
							l, err := c.from.Connect(t.Context(), c.to.GUID(), p2p.ConnectOptions{})
							if took := time.Since(start); err != nil || took > 3*time.Second {
								t.Errorf("%v apart, peer %d: %v after %v", apart, i, err, took)
								return
							}
							time.Sleep(5 * time.Second)
							checkAlive(t, "the link", l)
						})
					}
					wg.Wait()
					a.Close()
					b.Close()
				})
			}
		}
	}
}

// If a process ends after the lookup and before the call reaches it, the call goes to another
// process of the peer.
func TestCallsSkipEndedProcess(t *testing.T) {
	const delay = 100 * time.Millisecond
	for after := time.Duration(0); after < 8*delay; after += delay / 2 {
		inWorld(t, func(t *testing.T, w *world) {
			key := newKey(t)
			var processes []*tester
			for _, ip := range []string{"198.51.100.2", "198.51.100.3"} {
				p := w.public(ip, func(o *p2p.PeerOptions) { o.Key = key })
				p.Registered(t.Context())
				processes = append(processes, p)
			}
			host := w.net.Host("198.51.100.1")
			host.Link(netsim.Link{Delay: delay})
			a := w.peer(host, func(o *p2p.PeerOptions) { o.Calling = true })
			a.Registered(t.Context())
			var ending sync.WaitGroup
			ending.Go(func() {
				time.Sleep(after)
				processes[1].Close()
			})
			if _, err := a.Connect(t.Context(), key.GUID(), p2p.ConnectOptions{}); err != nil {
				t.Errorf("a process ended %v after the call began: %v", after, err)
			}
			ending.Wait()
			a.Close()
			processes[0].Close()
		})
	}
}
