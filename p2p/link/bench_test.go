package link

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/udp"
)

// A pipeConn is a socket whose batches are handed to the other end at once.
type pipeConn struct {
	to   func(udp.Batch)
	addr netip.AddrPort
}

func (c *pipeConn) Read([]udp.Batch) (int, error)     { return 0, net.ErrClosed }
func (c *pipeConn) WriteTTL(b udp.Batch, _ int) error { return c.Write(b) }
func (c *pipeConn) LocalAddr() netip.AddrPort         { return c.addr }
func (c *pipeConn) Close() error                      { return nil }

func (c *pipeConn) Write(b udp.Batch) error {
	buf := udp.NewBuffer()
	defer buf.Release()
	b.Data, b.Buf = append(buf.Bytes()[:0], b.Data...), buf
	c.to(b)
	return nil
}

// benchLinks returns two links, each with a socket that hands over what
// arrives.
func benchLinks(b *testing.B, socket func(deliver udp.Handler) udp.Conn) (from, to *Link) {
	var s noise.Secrets
	s.Send[0], s.Receive[0] = 1, 2
	var links [2]*Link
	var conns [2]udp.Conn
	ready := make(chan bool)
	for i := range 2 {
		conns[i] = socket(func(c udp.Conn, in udp.Batch) {
			<-ready
			links[i].Deliver(Route{Conn: c, Addr: in.Addr}, in)
		})
	}
	for i := range 2 {
		links[i] = New(Config{
			Initiator: i == 0, Secrets: s, Index: 1, Loopback: true,
			Route:     func(a netip.AddrPort) (Route, bool) { return Route{Conn: conns[i], Addr: a}, true },
			Own:       func(netip.Addr) bool { return false },
			OnPath:    func(Path) {},
			OnTrouble: func() {},
		})
		s.Send, s.Receive = s.Receive, s.Send
	}
	close(ready)
	for i, l := range links {
		l.AddProven(Route{Conn: conns[i], Addr: conns[1-i].LocalAddr()}, time.Millisecond, netip.Addr{})
	}
	b.Cleanup(func() { links[0].Close(CodeDone, ""); <-links[1].Done() })
	return links[0], links[1]
}

// benchTransfer sends 1 MiB for each turn of the benchmark.
func benchTransfer(b *testing.B, from, to *Link) {
	data := bulk(1 << 20)
	s, err := from.OpenStream()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() {
		r, err := to.AcceptStream(b.Context())
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 256<<10))
			r.Close()
		}
		done <- err
	}()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	s.CloseWrite()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(from.losses()), "lost")
}

func BenchmarkMemory(b *testing.B) {
	var conns []*pipeConn
	var handlers []udp.Handler
	from, to := benchLinks(b, func(h udp.Handler) udp.Conn {
		i := len(conns)
		c := &pipeConn{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(1+i))}
		c.to = func(in udp.Batch) {
			in.Addr = c.addr
			handlers[1-i](conns[1-i], in)
		}
		conns, handlers = append(conns, c), append(handlers, h)
		return c
	})
	benchTransfer(b, from, to)
}

func BenchmarkLoopback(b *testing.B) {
	from, to := benchLinks(b, func(h udp.Handler) udp.Conn {
		c, err := udp.System{}.Listen("udp4", netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			b.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- udp.Serve(c, h) }()
		b.Cleanup(func() {
			c.Close()
			if err := <-served; !errors.Is(err, net.ErrClosed) {
				b.Error(err)
			}
		})
		return c
	})
	benchTransfer(b, from, to)
}
