package link

import (
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// The probes go out in batches, until there are none left or a path is found.
func TestProbesArePaced(t *testing.T) {
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
		over := w.a.ProbePorts(r.Conn, r.Addr.Addr(), ports.Draw(path.BirthdayProbes))
		time.Sleep(500*time.Millisecond + time.Millisecond)
		if n := sent(10_000, 11_000); n < 500 || n > 520 {
			t.Errorf("%d probes within half a second", n)
		}
		start := time.Now()
		<-over
		if n, took := sent(10_000, 11_000), time.Since(start); n != 1000 || took > time.Second {
			t.Errorf("%d probes of 1000 ports, after %v more", n, took)
		}
		over = w.a.ProbePorts(r.Conn, r.Addr.Addr(), path.Ports{Low: 20_000, High: 20_999, Step: 1}.Draw(path.BirthdayProbes))
		w.set(func() { w.drop = nil })
		again := w.a.ProbePorts(r.Conn, r.Addr.Addr(), []uint16{30_000})
		<-over // taken over
		<-again
		time.Sleep(time.Second)
		if k := w.a.Path().Kind; k == path.Relay {
			t.Errorf("path %v", w.a.Path())
		}
		before := sent(0, 65535)
		<-w.a.ProbePorts(r.Conn, r.Addr.Addr(), path.AnyPort().Draw(path.BirthdayProbes))
		if n := sent(0, 65535) - before; n > 20 {
			t.Errorf("%d packets though there is a direct path", n)
		}
	})
}

// Of several sockets the first that becomes a path wins, once.
func TestPool(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.cut[1] = true }, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7)
		time.Sleep(time.Second)
		to := w.route(0, 3, 0).Addr
		own := &networkConn{w, 0} // other sockets of the same end
		conns := []udp.Conn{own, &networkConn{w, 0}, &networkConn{w, 0}}
		opened, won := w.a.OpenPool(conns, to, path.OpenerTTL)
		<-opened
		// What comes by the first two at the same time.
		done := make(chan struct{})
		w.a.do(func() {
			defer close(done)
			for _, c := range conns[:2] {
				w.a.paths.AddProven(w.a.now, Route{Conn: c, Addr: to}.route(), time.Millisecond, netip.Addr{})
			}
			heard := func(c udp.Conn) bool {
				r := Route{Conn: c, Addr: to}.route()
				return w.a.paths.Find(r) != nil || w.a.paths.Learn(w.a.now, r) != nil
			}
			if !heard(conns[0]) || heard(conns[2]) {
				t.Error("the wrong sockets are heard")
			}
		})
		<-done
		if c := <-won; c != conns[0] {
			t.Error("not the first has won")
		}
		w.a.ClosePool()
		opened, won = w.a.OpenPool(conns[1:], to, 0)
		<-opened
		w.a.ClosePool()
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
		if took := time.Since(start); took < 250*time.Millisecond || took > 450*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if p := w.a.Path(); p.Kind == path.Relay || p.Addr.Port() < 30 || p.Addr.Port() > 32 {
			t.Errorf("path %v", p)
		}
	})
}
