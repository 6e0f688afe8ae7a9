package p2p_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

func TestServerRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		a, b := w.peer(ha, nil), w.peer(hb, nil)
		l, _ := mustConnect(t, a, b)
		w.server.Close()
		time.Sleep(time.Minute)
		checkEcho(t, l, 100_000)
		if l.Path().Kind != p2p.PathDirect || count[p2p.PathLost](a) != 0 {
			t.Errorf("the link noticed: %v", l.Path())
		}
		if count[p2p.ServerLost](a) != 1 {
			t.Error("the peer did not notice")
		}
		w.serve()
		time.Sleep(40 * time.Second)
		for _, p := range []*tester{a, b} {
			if n := count[p2p.Registered](p); n != 2 {
				t.Errorf("registered %d times", n)
			}
		}
		w.server.Close()
		w.serve() // a restart too short for anyone to notice
		time.Sleep(15 * time.Second)
		if n := w.server.Stats().Peers; n != 2 {
			t.Errorf("%d peers are back within 15 s", n)
		}
		a.Close()
		b.Close()
	})
}

func TestMappingChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		na, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		nb, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		a, b := w.peer(ha, nil), w.peer(hb, nil)
		l, _ := mustConnect(t, a, b)
		s, err := l.OpenStream("echo")
		if err != nil {
			t.Fatal(err)
		}
		roundTrip := func() time.Duration {
			start := time.Now()
			if _, err := s.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		roundTrip()
		for name, change := range map[string]func(){
			"a's mapping":        na.Rebind,
			"b's mapping":        nb.Rebind,
			"a's public address": func() { na.Readdress("198.51.100.9") },
		} {
			change()
			// An end that sends nothing detects the change only by its own pings.
			if d := roundTrip(); d > 4*time.Second {
				t.Errorf("%s changed: a pause of %v", name, d)
			}
			time.Sleep(20 * time.Second)
			if l.Path().Kind != p2p.PathDirect {
				t.Errorf("%s changed: path is %v", name, l.Path())
			}
		}
		a.Close()
		b.Close()
	})
}

func TestStreamOfUnknownKind(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.public("198.51.100.1", nil), w.public("198.51.100.2", nil)
		l, _ := mustConnect(t, a, b)
		s, err := l.OpenStream("nonsense")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, p2p.ErrRefused) {
			t.Errorf("reading from it: %v", err)
		}
		if _, err := s.Write([]byte{1}); !errors.Is(err, p2p.ErrRefused) {
			t.Errorf("writing to it: %v", err)
		}
		a.Close()
		b.Close()
	})
}

// A caller reaches a listener that was killed and restarted, and the old link
// ends soon.
func TestListenerRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		h := w.net.Host("198.51.100.2")
		h.Link(netsim.Link{Delay: oneWay})
		a := w.public("198.51.100.1", nil)
		b := w.peer(h, func(o *p2p.PeerOptions) { o.Key = key })
		l, _ := mustConnect(t, a, b)
		h.Cut() // the old process cannot send anything now, not even a goodbye
		b.Close()
		h.Heal()
		b2 := w.peer(h, func(o *p2p.PeerOptions) { o.Key = key })
		start := time.Now()
		<-l.Done()
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("the old link ended after %v", d)
		}
		l, err := a.Connect(t.Context(), b2.GUID(), p2p.ConnectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, l, 1000)
		a.Close()
		b2.Close()
	})
}

func TestTwoListenersNewestWins(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		key := newKey(t)
		same := func(o *p2p.PeerOptions) { o.Key = key }
		first := w.public("198.51.100.1", same)
		first.Registered(t.Context())
		time.Sleep(time.Second)
		second := w.public("198.51.100.2", same)
		second.Registered(t.Context())
		time.Sleep(time.Minute)
		if count[p2p.Replaced](first) != 1 || count[p2p.Replaced](second) != 0 {
			t.Errorf("replaced: %d and %d times", count[p2p.Replaced](first), count[p2p.Replaced](second))
		}
		c := w.public("198.51.100.3", nil)
		l, _ := mustConnect(t, c, second)
		if got := l.Path().Addr.Addr(); got != netip.MustParseAddr("198.51.100.2") {
			t.Errorf("reached %v", got)
		}
		first.Close()
		second.Close()
		c.Close()
	})
}

func TestRequire(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.Symmetric)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.Symmetric)
		a, b, c := w.peer(ha, nil), w.peer(hb, nil), w.public("198.51.100.3", nil)
		for _, p := range []*tester{a, b, c} {
			p.Registered(t.Context())
		}
		if _, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{Require: p2p.RequireDirect}); !errors.Is(err, p2p.ErrNoPath) {
			t.Errorf("direct between symmetric NATs: %v", err)
		}
		l, err := a.Connect(t.Context(), c.GUID(), p2p.ConnectOptions{Require: p2p.RequireRelay})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if l.Path().Kind != p2p.PathRelay {
			t.Errorf("path is %v", l.Path())
		}
		v, err := l.View(t.Context())
		if err != nil || len(v.Paths) != 1 {
			t.Errorf("beside the relay something was tried: %+v, %v", v.Paths, err)
		}
		checkEcho(t, l, 1000)
		for _, p := range []*tester{a, b, c} {
			p.Close()
		}
	})
}

// The two ends of a link find each other again after all its paths were lost and
// a server restart has removed its relay channels.
func TestReintroduction(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		na, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		nb, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		a, b := w.peer(ha, nil), w.peer(hb, nil)
		l, _ := mustConnect(t, a, b)
		w.server.Close()
		w.serve()
		time.Sleep(20 * time.Second)
		na.Rebind()
		nb.Rebind()
		start := time.Now()
		checkEcho(t, l, 1000)
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("they needed %v", d)
		}
		a.Close()
		b.Close()
	})
}

func TestConnectEndsWithItsContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.public("198.51.100.1", func(o *p2p.PeerOptions) { o.Server = "203.0.113.9:3478" })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := a.Connect(ctx, newKey(t).GUID(), p2p.ConnectOptions{}); err == nil || time.Since(start) > 1100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		a.Close()
	})
}

// A peer closes its relayed links before it says goodbye to the server, which then
// removes the relay channels.
func TestCloseByRelay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.Symmetric)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.Symmetric)
		a, b := w.peer(ha, nil), w.peer(hb, nil)
		mustConnect(t, a, b)
		other, err := b.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		a.Close()
		<-other.Done()
		var closed *p2p.CloseError
		if err := other.Err(); !errors.As(err, &closed) || closed.Code != p2p.CodeDone {
			t.Errorf("after %v the other side knows: %v", time.Since(start), err)
		}
		b.Close()
	})
}
