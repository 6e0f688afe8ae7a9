package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const serverAddr = "203.0.113.1:443"

// ends are the two ends of one stream: each hub knows the other's address.
type ends struct {
	client, server     *Hub
	toServer, toClient netip.AddrPort
}

// connected makes a stream between two hubs.
func connected(t *testing.T) ends {
	t.Helper()
	streams := new(netsim.Streams)
	l, err := streams.Listen(serverAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e := ends{client: NewHub(), server: NewHub()}
	accepted := make(chan error)
	go func() {
		c, err := l.Accept()
		if err == nil {
			e.toClient = Mark(c.RemoteAddr().(*net.TCPAddr).AddrPort())
			err = e.server.Accept(context.Background(), c, e.toClient, testTLS(t))
		}
		accepted <- err
	}()
	d := Dialer{Hub: e.client, Dial: streams.From("198.51.100.1")}
	if e.toServer, err = d.Open(t.Context(), serverAddr, false); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.client.Close()
		e.server.Close()
	})
	return e
}

func testTLS(t testing.TB) *tls.Config {
	t.Helper()
	c, err := ServerTLS(Certificates{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// next reads one batch, and copies it.
func next(t *testing.T, h *Hub) udp.Batch {
	t.Helper()
	var b [1]udp.Batch
	if _, err := h.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func datagram(to netip.AddrPort, n int) udp.Batch {
	return udp.Batch{Addr: to, Data: make([]byte, n), Size: n}
}

func TestThereAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := connected(t)
		if got := Unmark(e.toServer).String(); got != serverAddr {
			t.Errorf("the server is at %v", got)
		}
		out := udp.Batch{Addr: e.toServer, Data: []byte("aaaabbbbcc"), Size: 4}
		if err := e.client.Write(out); err != nil {
			t.Fatal(err)
		}
		if b := next(t, e.server); b.Addr != e.toClient || string(b.Data) != "aaaabbbbcc" || b.Size != 4 {
			t.Errorf("%v %q %d", b.Addr, b.Data, b.Size)
		}
		e.server.Write(udp.Batch{Addr: e.toClient, Data: []byte("d"), Size: 1})
		if b := next(t, e.client); b.Addr != e.toServer || string(b.Data) != "d" {
			t.Errorf("%v %q", b.Addr, b.Data)
		}
		if err := e.client.Write(datagram(e.toClient, 1)); !errors.Is(err, errNoStream) {
			t.Errorf("writing to an address without a stream: %v", err)
		}
	})
}

// What is written before the end gets there.
func TestGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := connected(t)
		e.client.Write(datagram(e.toServer, 1))
		e.client.Remove(e.toServer)
		next(t, e.server)
		<-e.server.Done(e.toClient)
		synctest.Wait()
		if e.client.Len() != 0 || e.server.Len() != 0 {
			t.Errorf("%d and %d streams are left", e.client.Len(), e.server.Len())
		}
	})
}

// An end that takes nothing costs its queue, then drops, and then is closed.
func TestNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := connected(t)
		start := time.Now()
		dropped := 0
		for range 1000 {
			if err := e.client.Write(datagram(e.toServer, 8000)); errors.Is(err, errFull) {
				dropped++
			}
			time.Sleep(time.Millisecond)
		}
		if dropped < 800 {
			t.Errorf("%d of 1000 were dropped", dropped)
		}
		if n := e.client.queued.Load(); n > queueLength+1 {
			t.Errorf("%d buffers wait", n)
		}
		<-e.client.Done(e.toServer)
		if d := time.Since(start); d < writePatience || d > writePatience+2*time.Second {
			t.Errorf("closed after %v", d)
		}
		synctest.Wait()
		if n := e.client.queued.Load(); n != 0 || e.client.Len() != 0 {
			t.Errorf("%d buffers and %d streams are left", n, e.client.Len())
		}
	})
}

// All streams together are bounded as well.
func TestHubIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub()
		defer h.Close()
		const streams = 2 * maxQueued / queueLength
		var there []net.Conn
		for i := range streams {
			a, b := net.Pipe()
			there = append(there, b)
			addr := Mark(netip.AddrPortFrom(netip.IPv6Loopback(), uint16(i)))
			if err := h.Add(a, addr); err != nil {
				t.Fatal(err)
			}
			for range 40 {
				h.Write(datagram(addr, MaxDatagram))
			}
		}
		synctest.Wait()
		if n := h.queued.Load(); n != maxQueued {
			t.Errorf("%d buffers wait, of %d", n, maxQueued)
		}
		for _, c := range there {
			c.Close()
		}
		synctest.Wait()
		if n := h.queued.Load(); n != 0 || h.Len() != 0 {
			t.Errorf("%d buffers and %d streams are left", n, h.Len())
		}
	})
}

func TestKeptForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := connected(t)
		start := time.Now()
		e.server.KeepFor(e.toClient, 5*time.Second)
		time.Sleep(4 * time.Second)
		e.server.KeepFor(e.toClient, 5*time.Second)
		<-e.server.Done(e.toClient)
		if d := time.Since(start); d != 9*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// A stream to the same address takes the place of the one before.
func TestReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub()
		defer h.Close()
		addr := Mark(netip.MustParseAddrPort(serverAddr))
		a, _ := net.Pipe()
		h.Add(a, addr)
		first := h.Done(addr)
		b, there := net.Pipe()
		h.Add(b, addr)
		<-first
		synctest.Wait()
		go there.Write(appendFrame(nil, []byte("x")))
		if got := next(t, h); string(got.Data) != "x" || h.Len() != 1 {
			t.Errorf("%q, %d streams", got.Data, h.Len())
		}
	})
}

func TestClosedHub(t *testing.T) {
	h := NewHub()
	h.Close()
	h.Close()
	a, b := net.Pipe()
	if err := h.Add(a, Mark(netip.MustParseAddrPort(serverAddr))); !errors.Is(err, net.ErrClosed) {
		t.Errorf("adding to a closed hub: %v", err)
	}
	if _, err := b.Write([]byte{1}); err == nil {
		t.Error("the connection is open")
	}
	if _, err := h.Read(make([]udp.Batch, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading: %v", err)
	}
}

func TestMark(t *testing.T) {
	for _, s := range []string{"192.0.2.1:443", "[2001:db8::1]:3478"} {
		a := netip.MustParseAddrPort(s)
		m := Mark(a)
		if !Marked(m.Addr()) || Marked(a.Addr()) || m == a || Unmark(m) != a || Unmark(a) != a {
			t.Errorf("%v becomes %v, and %v", a, m, Unmark(m))
		}
	}
}

// udpEcho gives back what a hub gets.
func udpEcho(h *Hub) { udp.Serve(h, func(c udp.Conn, b udp.Batch) { c.Write(b) }) }
