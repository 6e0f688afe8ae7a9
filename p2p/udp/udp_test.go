package udp

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var families = []string{"udp4", "udp6"}

func loopback(family string) netip.AddrPort {
	if family == "udp4" {
		return netip.MustParseAddrPort("127.0.0.1:0")
	}
	return netip.MustParseAddrPort("[::1]:0")
}

// listen opens a socket on loopback. It skips the test if the host has no IPv6.
func listen(t testing.TB, family string) Conn {
	t.Helper()
	c, err := System{}.Listen(family, loopback(family))
	if err != nil && family == "udp6" {
		t.Skip("no IPv6 here:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// read reads the given number of bytes from c and returns the datagrams.
func read(t testing.TB, c Conn, want int) (all [][]byte, from netip.AddrPort) {
	t.Helper()
	batches := make([]Batch, 4)
	for got := 0; got < want; {
		n, err := c.Read(batches)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches[:n] {
			b.Datagrams(func(d []byte) { all = append(all, bytes.Clone(d)) })
			got, from = got+len(b.Data), b.Addr
			b.Buf.Release()
		}
	}
	return all, from
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(b)
	return b
}

func checkDatagrams(t *testing.T, got [][]byte, b Batch) {
	t.Helper()
	var want [][]byte
	b.Datagrams(func(d []byte) { want = append(want, d) })
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Fatalf("received %d datagrams that differ from the %d sent", len(got), len(want))
	}
}

var batchShapes = []struct {
	name        string
	bytes, size int
}{
	{"one", 100, 100},
	{"forty", 40 * 1200, 1200},
	{"last shorter", 40*1200 + 17, 1200},
	{"last one byte", 2*1400 + 1, 1400},
	{"more than a message holds", 200 * 100, 100},
	{"one large", 65000, 65000},
	{"full", MaxBatch, 1191},
	{"full of jumbo", 7 * 9000, 9000},
}

func TestBatch(t *testing.T) {
	t.Parallel()
	for _, family := range families {
		for _, tt := range batchShapes {
			t.Run(family+" "+tt.name, func(t *testing.T) {
				a, b := listen(t, family), listen(t, family)
				sent := Batch{Addr: b.LocalAddr(), Data: randomBytes(tt.bytes), Size: tt.size}
				if err := a.Write(sent); err != nil {
					t.Fatal(err)
				}
				got, from := read(t, b, tt.bytes)
				checkDatagrams(t, got, sent)
				if from != a.LocalAddr() {
					t.Errorf("from %v, want %v", from, a.LocalAddr())
				}
			})
		}
	}
}

// A batch arrives at a plain socket as single datagrams.
func TestPlainReceiver(t *testing.T) {
	t.Parallel()
	a := listen(t, "udp4")
	b, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback("udp4")))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	sent := Batch{Addr: localAddr(b), Data: randomBytes(10*1200 + 7), Size: 1200}
	if err := a.Write(sent); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for range 11 {
		buf := make([]byte, 2000)
		n, err := b.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n])
	}
	checkDatagrams(t, got, sent)
}

// receivedTTL returns the time to live of a received datagram.
func receivedTTL(t *testing.T, family string, write func(c Conn, b Batch) error) int {
	t.Helper()
	c := listen(t, family)
	s, err := net.ListenUDP(family, net.UDPAddrFromAddrPort(loopback(family)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p4, p6 := ipv4.NewPacketConn(s), ipv6.NewPacketConn(s)
	if family == "udp4" {
		err = p4.SetControlMessage(ipv4.FlagTTL, true)
	} else {
		err = p6.SetControlMessage(ipv6.FlagHopLimit, true)
	}
	if err != nil {
		t.Skip("cannot see the time to live here:", err)
	}
	if err := write(c, Batch{Addr: localAddr(s), Data: []byte("opener"), Size: 6}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if family == "udp4" {
		_, cm, _, err := p4.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return cm.TTL
	}
	_, cm, _, err := p6.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return cm.HopLimit
}

func TestTTL(t *testing.T) {
	t.Parallel()
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			if got := receivedTTL(t, family, func(c Conn, b Batch) error { return c.WriteTTL(b, 4) }); got != 4 {
				t.Errorf("WriteTTL 4 arrived with %d", got)
			}
			got := receivedTTL(t, family, func(c Conn, b Batch) error {
				if err := c.WriteTTL(Batch{Addr: c.LocalAddr(), Data: []byte{1}, Size: 1}, 4); err != nil {
					return err
				}
				return c.Write(b)
			})
			if got <= 4 {
				t.Errorf("a Write after WriteTTL arrived with %d", got)
			}
		})
	}
}

func TestBadBatches(t *testing.T) {
	t.Parallel()
	c := listen(t, "udp4")
	one := []byte{1}
	for name, err := range map[string]error{
		"no size":        c.Write(Batch{Addr: c.LocalAddr(), Data: one}),
		"too large":      c.Write(Batch{Addr: c.LocalAddr(), Data: make([]byte, 1<<16), Size: 1 << 16}),
		"other family":   c.Write(Batch{Addr: netip.MustParseAddrPort("[::1]:9"), Data: one, Size: 1}),
		"no address":     c.Write(Batch{Data: one, Size: 1}),
		"ttl 0":          c.WriteTTL(Batch{Addr: c.LocalAddr(), Data: one, Size: 1}, 0),
		"ttl, two at it": c.WriteTTL(Batch{Addr: c.LocalAddr(), Data: []byte{1, 2}, Size: 1}, 4),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := c.Write(Batch{Addr: c.LocalAddr(), Data: one, Size: 1}); err != nil {
		t.Error("after bad batches:", err)
	}
	if _, err := (System{}).Listen("tcp4", netip.AddrPort{}); err == nil {
		t.Error("listened on an invalid family")
	}
}

// Write accepts an IPv4-mapped IPv6 address, and Read never returns one.
func TestMappedAddress(t *testing.T) {
	t.Parallel()
	c := listen(t, "udp4")
	mapped := netip.AddrPortFrom(netip.AddrFrom16(c.LocalAddr().Addr().As16()), c.LocalAddr().Port())
	if err := c.Write(Batch{Addr: mapped, Data: []byte{1}, Size: 1}); err != nil {
		t.Fatal(err)
	}
	if _, from := read(t, c, 1); from != c.LocalAddr() {
		t.Errorf("from %v, want %v", from, c.LocalAddr())
	}
}

// Read ignores ICMP errors about a closed port.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	a, gone := listen(t, "udp4"), listen(t, "udp4")
	gone.Close()
	for range 100 { // more than maxReadErrors
		_ = a.Write(Batch{Addr: gone.LocalAddr(), Data: []byte("anybody?"), Size: 8})
	}
	if err := a.Write(Batch{Addr: a.LocalAddr(), Data: []byte("me"), Size: 2}); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, a, 2); string(got[0]) != "me" {
		t.Errorf("read %q", got)
	}
}

// Empty datagrams are not reported.
func TestEmptyDatagram(t *testing.T) {
	t.Parallel()
	a := listen(t, "udp4")
	s, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(a.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, d := range []string{"", "x"} {
		if _, err := s.Write([]byte(d)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := read(t, a, 1); len(got) != 1 || string(got[0]) != "x" {
		t.Errorf("read %q", got)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	c := listen(t, "udp4")
	var wg sync.WaitGroup
	var served error
	wg.Go(func() { served = Serve(c, func(Conn, Batch) {}) })
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if !errors.Is(served, net.ErrClosed) {
		t.Errorf("Serve ended with %v", served)
	}
	if err := c.Write(Batch{Addr: c.LocalAddr(), Data: []byte{1}, Size: 1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if _, err := c.Read(make([]Batch, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	a, b := listen(t, "udp4"), listen(t, "udp4")
	kept := make(chan Batch)
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = Serve(b, func(c Conn, batch Batch) {
			if c != b {
				t.Error("the handler received another Conn")
			}
			batch.Buf.Retain()
			kept <- batch
		})
	})
	sent := Batch{Addr: b.LocalAddr(), Data: randomBytes(3000), Size: 1000}
	if err := a.Write(sent); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for len(got) < 3 {
		batch := <-kept
		batch.Datagrams(func(d []byte) { got = append(got, bytes.Clone(d)) })
		batch.Buf.Release()
	}
	checkDatagrams(t, got, sent)
	b.Close()
	wg.Wait()
}

func TestAddrs(t *testing.T) {
	t.Parallel()
	addrs, err := System{}.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(addrs, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("loopback is not among %v", addrs)
	}
	for _, a := range addrs {
		if a.Is4In6() || a.IsUnspecified() || a.IsMulticast() || (a.Is6() && a.IsLinkLocalUnicast()) != (a.Zone() != "") {
			t.Errorf("unexpected address %v", a)
		}
	}
}

func TestBufferHolders(t *testing.T) {
	t.Parallel()
	b := NewBuffer()
	if len(b.Bytes()) <= MaxBatch {
		t.Fatalf("a buffer of %d bytes is too small for a batch", len(b.Bytes()))
	}
	b.Retain()
	b.Release()
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("released twice without a panic")
		}
	}()
	// A new buffer, so that the pool does not contain it.
	new(Buffer).Release()
}

func TestBatchDatagrams(t *testing.T) {
	t.Parallel()
	var got []string
	Batch{Data: []byte("aabbc"), Size: 2}.Datagrams(func(d []byte) {
		if cap(d) != len(d) {
			t.Error("a datagram can grow into the next")
		}
		got = append(got, string(d))
	})
	if !slices.Equal(got, []string{"aa", "bb", "c"}) {
		t.Errorf("got %q", got)
	}
}

// Addresses of container bridges come last.
func TestBridgesComeLast(t *testing.T) {
	t.Parallel()
	var names []string
	all := []net.Interface{{Name: "docker0"}, {Name: "br-12ab"}, {Name: "wg0", Flags: net.FlagPointToPoint}, {Name: "eth0"}, {Name: "vethab"}, {Name: "wlan0"}}
	slices.SortStableFunc(all, func(a, b net.Interface) int { return cmp.Compare(rank(a), rank(b)) })
	for _, i := range all {
		names = append(names, i.Name)
	}
	if got := fmt.Sprint(names); got != "[eth0 wlan0 wg0 docker0 br-12ab vethab]" {
		t.Error(got)
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for _, to := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		if own, ok := (System{}).Source(to); own != to || !ok {
			t.Errorf("to %v: %v, %v", to, own, ok)
		}
	}
	if own, ok := (System{}).Source(netip.Addr{}); ok {
		t.Errorf("to nowhere: %v", own)
	}
}
