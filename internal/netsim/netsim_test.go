package netsim

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// A got is a received datagram.
type got struct {
	at   time.Duration // since the inbox was opened
	from netip.AddrPort
	data string
}

// An inbox is a socket with the datagrams that it received.
type inbox struct {
	t     *testing.T
	conn  udp.Conn
	start time.Time

	mu      sync.Mutex
	all     []got
	batches int
	onData  func(got) // called for each datagram, if set
}

// open opens a socket with an inbox in a synctest bubble.
func open(t *testing.T, h *Host, addr string) *inbox {
	t.Helper()
	at := netip.MustParseAddrPort(addr)
	family := map[bool]string{false: "udp4", true: "udp6"}[at.Addr().Is6()]
	c, err := h.Listen(family, at)
	if err != nil {
		t.Fatal(err)
	}
	b := &inbox{t: t, conn: c, start: time.Now()}
	done := make(chan struct{})
	go func() { defer close(done); _ = udp.Serve(c, b.handle) }()
	t.Cleanup(func() { c.Close(); <-done })
	return b
}

func (b *inbox) handle(_ udp.Conn, batch udp.Batch) {
	b.mu.Lock()
	b.batches++
	f := b.onData
	b.mu.Unlock()
	batch.Datagrams(func(d []byte) {
		g := got{time.Since(b.start), batch.Addr, string(d)}
		b.mu.Lock()
		b.all = append(b.all, g)
		b.mu.Unlock()
		if f != nil {
			f(g)
		}
	})
}

// send sends one datagram.
func (b *inbox) send(to netip.AddrPort, data string) {
	if err := b.conn.Write(udp.Batch{Addr: to, Data: []byte(data), Size: len(data)}); err != nil {
		b.t.Errorf("writing to %v: %v", to, err)
	}
}

// after waits, and returns the datagrams received so far.
func (b *inbox) after(d time.Duration) []got {
	time.Sleep(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

// last waits for a second, and returns the last received datagram.
func (b *inbox) last() got {
	b.t.Helper()
	all := b.after(time.Second)
	if len(all) == 0 {
		b.t.Fatal("nothing arrived")
	}
	return all[len(all)-1]
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// pair returns two hosts on the internet.
func pair(t *testing.T, seed uint64) (n *Net, a, b *Host, from, to *inbox, dst netip.AddrPort) {
	n = New(seed)
	a, b = n.Host("203.0.113.1"), n.Host("203.0.113.2")
	return n, a, b, open(t, a, "0.0.0.0:1000"), open(t, b, "0.0.0.0:2000"), addrPort("203.0.113.2:2000")
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestBatchArrivesWhole(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, _, b, from, to, dst := pair(t, 1)
		b.Link(Link{Delay: 10 * ms})
		data := bytes.Repeat([]byte("0123456789"), 1000)
		if err := from.conn.Write(udp.Batch{Addr: dst, Data: data, Size: 1200}); err != nil {
			t.Fatal(err)
		}
		data[0] = 'x' // the writer may reuse the slice
		all := to.after(time.Second)
		if len(all) != 9 || to.batches != 1 || len(all[8].data) != 400 || all[0].data[0] != '0' {
			t.Fatalf("%d datagrams in %d batches", len(all), to.batches)
		}
		if all[0].at != 10*ms || all[0].from != addrPort("203.0.113.1:1000") {
			t.Errorf("arrived at %v from %v", all[0].at, all[0].from)
		}
	})
}

// Waiting datagrams are read as one batch, as with GRO.
func TestBatchesMerge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(1)
		a := open(t, n.Host("203.0.113.1"), "0.0.0.0:1000")
		c, err := n.Host("203.0.113.2").Listen("udp4", addrPort("0.0.0.0:2000"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, d := range []string{"aa", "bb", "c", "dd", "eee"} {
			a.send(addrPort("203.0.113.2:2000"), d)
		}
		batches := make([]udp.Batch, 8)
		count, err := c.Read(batches)
		if err != nil {
			t.Fatal(err)
		}
		var read []string
		for _, b := range batches[:count] {
			b.Datagrams(func(d []byte) { read = append(read, string(d)) })
			b.Buf.Release()
		}
		if want := []string{"aa", "bb", "c", "dd", "eee"}; !slices.Equal(read, want) {
			t.Errorf("read %q, want %q", read, want)
		}
		if batches[0].Size != 2 || len(batches[0].Data) != 4 {
			t.Errorf("first batch: %q", batches[0].Data)
		}
	})
}

func TestLoopbackAndOwnAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(1)
		a := n.Host("203.0.113.1", "2001:db8::1")
		other := open(t, n.Host("203.0.113.2"), "0.0.0.0:2000")
		from, to := open(t, a, "0.0.0.0:1000"), open(t, a, "0.0.0.0:2000")
		for _, dst := range []string{"127.0.0.1:2000", "203.0.113.1:2000"} {
			from.send(addrPort(dst), "x")
			want := netip.AddrPortFrom(addrPort(dst).Addr(), 1000)
			if g := to.last(); g.from != want {
				t.Errorf("to %v: from %v, want %v", dst, g.from, want)
			}
		}
		if len(other.all) != 0 {
			t.Error("a datagram to loopback reached another host")
		}
		addrs, _ := a.Addrs()
		if got := fmt.Sprint(addrs); got != "[127.0.0.1 203.0.113.1 ::1 2001:db8::1]" {
			t.Errorf("addresses: %v", got)
		}
	})
}

func TestListen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := New(1).Host("203.0.113.1")
		one := open(t, h, "0.0.0.0:0")
		if p := one.conn.LocalAddr().Port(); p < firstEphemeral || p > lastEphemeral {
			t.Errorf("bound to port %d", p)
		}
		for _, tt := range []struct{ family, addr string }{
			{"udp4", one.conn.LocalAddr().String()},
			{"udp4", "203.0.113.9:1"},
			{"udp6", "203.0.113.1:1"},
			{"tcp4", "203.0.113.1:1"},
		} {
			if _, err := h.Listen(tt.family, addrPort(tt.addr)); err == nil {
				t.Errorf("%s %s: no error", tt.family, tt.addr)
			}
		}
		if err := one.conn.Write(udp.Batch{Addr: addrPort("[2001:db8::1]:1"), Data: []byte("x"), Size: 1}); err == nil {
			t.Error("wrote to IPv6 from a udp4 socket")
		}
		six := open(t, h, "[::]:0")
		if err := six.conn.Write(udp.Batch{Addr: addrPort("[2001:db8::1]:1"), Data: []byte("x"), Size: 1}); !errors.Is(err, errNoRoute) {
			t.Errorf("without an IPv6 address: %v", err)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(1)
		h := n.Host("203.0.113.1")
		for _, end := range []func(udp.Conn){
			func(c udp.Conn) { c.Close(); c.Close() },
			func(udp.Conn) { n.Close(); n.Close() },
		} {
			c, err := h.Listen("udp4", addrPort("0.0.0.0:7"))
			if err != nil {
				t.Fatal(err)
			}
			var ended error
			done := make(chan struct{})
			go func() { defer close(done); _, ended = c.Read(make([]udp.Batch, 1)) }()
			synctest.Wait()
			end(c)
			<-done
			if !errors.Is(ended, net.ErrClosed) {
				t.Errorf("Read ended with %v", ended)
			}
			if err := c.Write(udp.Batch{Addr: c.LocalAddr(), Data: []byte("x"), Size: 1}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write after Close: %v", err)
			}
		}
	})
}

// A socket outlives its host's address.
func TestMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, a, _, from, to, dst := pair(t, 1)
		from.send(dst, "before")
		to.last()
		a.Move(n.NAT("198.51.100.1", PortRestricted).Realm, "192.168.1.2")
		from.send(dst, "after")
		if g := to.last(); g.from != addrPort("198.51.100.1:1000") || g.data != "after" {
			t.Errorf("got %+v", g)
		}
	})
}

// A host with IPv4 behind a NAT and IPv6 without one.
func TestTwoRealms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(1)
		server := n.Host("203.0.113.1", "2001:db8::1")
		a := n.NAT("198.51.100.1", PortRestricted).Host("192.168.1.2")
		a.Attach(n.Realm, "2001:db8::2")
		s4, s6 := open(t, server, "0.0.0.0:9"), open(t, server, "[::]:9")
		open(t, a, "0.0.0.0:5").send(addrPort("203.0.113.1:9"), "four")
		open(t, a, "[::]:6").send(addrPort("[2001:db8::1]:9"), "six")
		if g := s4.last(); g.from != addrPort("198.51.100.1:5") {
			t.Errorf("got %+v", g)
		}
		if g := s6.last(); g.from != addrPort("[2001:db8::2]:6") {
			t.Errorf("got %+v", g)
		}
	})
}

func TestTTL(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(1)
		s := open(t, n.Host("203.0.113.1"), "0.0.0.0:9")
		outer := n.NAT("198.51.100.1", PortRestricted)
		a := open(t, outer.NAT("10.0.0.1", PortRestricted).Host("192.168.1.2"), "0.0.0.0:5")
		near := open(t, outer.Host("10.0.0.2"), "0.0.0.0:9")
		hops := func(to string, ttl, want int, at *inbox) {
			before := len(at.after(0))
			if err := a.conn.WriteTTL(udp.Batch{Addr: addrPort(to), Data: []byte("x"), Size: 1}, ttl); err != nil {
				t.Fatal(err)
			}
			if n := len(at.after(time.Second)) - before; n != want {
				t.Errorf("to %s with TTL %d: %d arrived, want %d", to, ttl, n, want)
			}
		}
		hops("10.0.0.2:9", 1, 0, near)
		hops("10.0.0.2:9", 2, 1, near)
		hops("203.0.113.1:9", 2+DefaultHops, 0, s)
		hops("203.0.113.1:9", 3+DefaultHops, 1, s)
		n.SetHops(1)
		hops("203.0.113.1:9", 4, 1, s)
	})
}

func TestSameSeedSameRun(t *testing.T) {
	run := func(seed uint64) (all []got) {
		synctest.Test(t, func(t *testing.T) {
			_, a, _, from, to, dst := pair(t, seed)
			a.Link(Link{Delay: ms, Jitter: 5 * ms, Loss: .3, Duplicate: .1, Reorder: .1})
			for i := range 200 {
				from.send(dst, fmt.Sprint(i))
			}
			all = to.after(time.Second)
		})
		return all
	}
	if !slices.Equal(run(1), run(1)) {
		t.Error("the same seed gave another run")
	}
	if slices.Equal(run(1), run(2)) {
		t.Error("another seed gave the same run")
	}
}

func TestWatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, _, b, from, to, dst := pair(t, 1)
		var seen []string
		n.Watch(func(e Event) { seen = append(seen, e.What) })
		from.send(dst, "x")
		from.send(netip.AddrPortFrom(dst.Addr(), 1), "x")
		from.send(addrPort("203.0.113.77:1"), "x")
		b.Cut()
		from.send(dst, "x")
		to.after(time.Second)
		want := []string{"sent", "arrived", "sent", "port closed", "sent", "no such address", "sent", "cut"}
		if !slices.Equal(seen, want) {
			t.Errorf("saw %q\nwant %q", seen, want)
		}
	})
}

func BenchmarkThroughput(b *testing.B) {
	n := New(1)
	defer n.Close()
	h := n.Host("203.0.113.1")
	h.Link(Link{Loss: .01})
	from, _ := h.Listen("udp4", addrPort("0.0.0.0:1"))
	to, _ := n.Host("203.0.113.2").Listen("udp4", addrPort("0.0.0.0:2"))
	batch := udp.Batch{Addr: addrPort("203.0.113.2:2"), Data: make([]byte, 40*1400), Size: 1400}
	batches := make([]udp.Batch, 8)
	b.SetBytes(int64(len(batch.Data)))
	for b.Loop() {
		if err := from.Write(batch); err != nil {
			b.Fatal(err)
		}
		count, err := to.Read(batches)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range batches[:count] {
			r.Buf.Release()
		}
	}
}
