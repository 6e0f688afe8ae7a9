package natlab

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience limits the wait for a datagram that must arrive.
const patience = 5 * time.Second

type got struct {
	from netip.AddrPort
	data string
}

// An inbox is a socket and the datagrams that it received.
type inbox struct {
	t    *testing.T
	conn udp.Conn
	c    chan got
}

// A place has sockets: a Host or a Router.
type place interface{ Network() udp.Network }

// open opens a socket with an inbox.
func open(t *testing.T, at place, addr string) *inbox {
	t.Helper()
	ap := netip.MustParseAddrPort(addr)
	family := map[bool]string{false: "udp4", true: "udp6"}[ap.Addr().Is6()]
	c, err := at.Network().Listen(family, ap)
	if err != nil {
		t.Fatal(err)
	}
	b := &inbox{t, c, make(chan got, 1000)}
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = udp.Serve(c, func(_ udp.Conn, batch udp.Batch) {
			batch.Datagrams(func(d []byte) { b.c <- got{batch.Addr, string(d)} })
		})
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return b
}

func (b *inbox) send(to netip.AddrPort, data string) {
	b.t.Helper()
	if err := b.conn.Write(udp.Batch{Addr: to, Data: []byte(data), Size: len(data)}); err != nil {
		b.t.Errorf("writing to %v: %v", to, err)
	}
}

// next waits for a datagram.
func (b *inbox) next() got {
	b.t.Helper()
	select {
	case g := <-b.c:
		return g
	case <-time.After(patience):
		b.t.Fatal("nothing arrived")
		return got{}
	}
}

// reach repeats a datagram until it arrives: a new IPv6 address takes the kernel a moment
// until it can be used.
func (b *inbox) reach(to *inbox, data string) got {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		b.send(to.addr(), data)
		select {
		case g := <-to.c:
			return g
		case <-tick.C:
		case <-end:
			b.t.Fatal("nothing arrived")
		}
	}
}

// expect waits for a datagram and checks that it is this one.
func (b *inbox) expect(data string) {
	b.t.Helper()
	if g := b.next(); g.data != data {
		b.t.Errorf("%q arrived from %v, want %q", g.data, g.from, data)
	}
}

// observed returns the source address of b's datagrams as the server sees it.
func observed(b, server *inbox) netip.AddrPort {
	b.t.Helper()
	b.send(server.addr(), "who am I")
	return server.next().from
}

// addr returns the socket's local address, which must not be unspecified.
func (b *inbox) addr() netip.AddrPort { return b.conn.LocalAddr() }
