package link

import (
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// The probes go out in batches, until there are none left or a path is found.
func TestSprayIsPaced(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.cut[1] = true }, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7) // the relay
		time.Sleep(time.Second)
		sent := func(low, high uint16) (n int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for port, count := range w.sent {
				if port >= low && port < high {
					n += count
				}
			}
			return n
		}
		w.set(func() {
			w.drop = func(_ int, d []byte) bool { return d[0] != typeRelay } // nothing direct gets through
		})
		r := w.route(0, 0, 0)
		ports := path.Ports{Low: 10_000, High: 10_999, Step: 1}
		over := w.a.Spray(r.Conn, r.Addr.Addr(), ports.Draw(path.BirthdayProbes))
		time.Sleep(500*time.Millisecond + time.Millisecond)
		if n := sent(10_000, 11_000); n < 500 || n > 520 {
			t.Errorf("%d probes within half a second", n)
		}
		start := time.Now()
		<-over
		if n, took := sent(10_000, 11_000), time.Since(start); n != 1000 || took > time.Second {
			t.Errorf("%d probes of 1000 ports, after %v more", n, took)
		}
		over = w.a.Spray(r.Conn, r.Addr.Addr(), path.Ports{Low: 20_000, High: 20_999, Step: 1}.Draw(path.BirthdayProbes))
		w.set(func() { w.drop = nil })
		again := w.a.Spray(r.Conn, r.Addr.Addr(), []uint16{30_000})
		<-over // taken over
		<-again
		time.Sleep(time.Second)
		if k := w.a.Path().Kind; k == path.Relay {
			t.Errorf("path %v", w.a.Path())
		}
		before := sent(0, 65535)
		<-w.a.Spray(r.Conn, r.Addr.Addr(), path.AnyPort().Draw(path.BirthdayProbes))
		if n := sent(0, 65535) - before; n > 20 {
			t.Errorf("%d packets though there is a direct path", n)
		}
	})
}

// A PONG proves a path only where its PING went, to that very port.
func TestSprayAnswers(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		l, here := w.a, w.route(0, 0, 0)
		at := func(port uint16) Route {
			return Route{Conn: here.Conn, Addr: netip.AddrPortFrom(here.Addr.Addr(), port)}
		}
		elsewhere := at(7)
		elsewhere.Addr = netip.MustParseAddrPort("192.0.2.99:7")
		relayed := at(7)
		relayed.Channel = 1
		done := make(chan struct{})
		l.do(func() {
			defer close(done)
			l.spray = &spray{over: make(chan struct{}), ended: true, decides: true, until: l.now.Add(time.Hour)}
			l.spray.path.route = at(0)
			l.spray.probes = []probe{{port: 7, id: 70, sent: l.now}, {port: 8, id: 80, sent: l.now}}
			for _, c := range []struct {
				route Route
				id    uint64
				want  bool
			}{
				{at(8), 70, false}, {elsewhere, 70, false}, {relayed, 70, false}, {at(7), 71, false},
				{Route{Conn: w.route(1, 0, 0).Conn, Addr: at(7).Addr}, 70, false}, {at(7), 70, true},
			} {
				if _, ok := l.sprayAnswered(c.route, c.id); ok != c.want {
					t.Errorf("a PONG %d by %v: %v", c.id, c.route.Addr, ok)
				}
			}
			if l.sprayDeaf(at(7)) || !l.sprayDeaf(at(8)) || l.sprayDeaf(elsewhere) || l.sprayDeaf(relayed) {
				t.Error("once decided, it does not hear what it should, or hears what it should not")
			}
		})
		<-done
	})
}

// Of several sockets the first that becomes a path wins, once.
func TestFan(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.cut[1] = true }, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7)
		time.Sleep(time.Second)
		to := w.route(0, 3, 0).Addr
		own := &networkConn{w, 0} // other sockets of the same end
		conns := []udp.Conn{own, &networkConn{w, 0}, &networkConn{w, 0}}
		opened, won := w.a.Open(conns, to, path.OpenerTTL)
		<-opened
		// What comes by the first two at the same time.
		done := make(chan struct{})
		w.a.do(func() {
			defer close(done)
			for _, c := range conns[:2] {
				p := w.a.addPath(Route{Conn: c, Addr: to})
				w.a.validate(p)
			}
			if w.a.findPath(Route{Conn: conns[0], Addr: to}) == nil || !w.a.fanDeaf(Route{Conn: conns[2], Addr: to}) || w.a.fanDeaf(Route{Conn: own, Addr: to}) {
				t.Error("the wrong sockets are heard")
			}
		})
		<-done
		if c := <-won; c != conns[0] {
			t.Error("not the first has won")
		}
		w.a.CloseFan()
		opened, won = w.a.Open(conns[1:], to, 0)
		<-opened
		w.a.CloseFan()
		select {
		case <-won:
			t.Error("a round without an answer has been won")
		default:
		}
	})
}

// Cross sends openers to all ports in turn, which do not arrive, then probes.
func TestCross(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.cut[1] = true }, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7)
		time.Sleep(time.Second)
		here := w.route(0, 0, 0)
		start := time.Now()
		won := w.a.Cross(here.Conn, here.Addr.Addr(), []uint16{30, 31, 32})
		if c := <-won; c != here.Conn {
			t.Error("another socket has won")
		}
		if took := time.Since(start); took < crossPause || took > crossPause+200*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if p := w.a.Path(); p.Kind == path.Relay || p.Addr.Port() < 30 || p.Addr.Port() > 32 {
			t.Errorf("path %v", p)
		}
	})
}
