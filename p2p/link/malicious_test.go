package link

import (
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// A maliciousPeer holds the session's keys and keeps no rule of the protocol.
type maliciousPeer struct {
	sender *noise.Sender
	link   *Link // of the victim
	home   Route

	mu    sync.Mutex
	got   map[netip.AddrPort]int // datagrams that the victim sent, by address
	bytes map[netip.AddrPort]int // of them
}

// sink is the victim's socket.
type sink struct {
	nowhere
	v *maliciousPeer
}

func (s *sink) Write(b udp.Batch) error {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	b.Datagrams(func(d []byte) {
		s.v.got[b.Addr]++
		s.v.bytes[b.Addr] += len(d)
	})
	return nil
}

func (s *sink) WriteTTL(b udp.Batch, _ int) error { return s.Write(b) }

func newMaliciousPeer() *maliciousPeer {
	v := &maliciousPeer{got: map[netip.AddrPort]int{}, bytes: map[netip.AddrPort]int{}}
	conn := &sink{v: v}
	route := func(a netip.AddrPort) (Route, bool) { return Route{Conn: conn, Addr: a}, true }
	v.home, _ = route(netip.MustParseAddrPort("198.51.100.1:1"))
	var s noise.Secrets
	s.Receive[0] = 1
	v.link = New(Config{
		Targets: path.NewTargets(),
		Secrets: s, Route: route, OnPath: func(Path) {}, OnTrouble: func() {},
		Own: func(netip.Addr) bool { return false },
	})
	v.sender = noise.Secrets{Send: s.Receive}.NewSender(0)
	v.link.AddProven(v.home, time.Millisecond, netip.Addr{})
	return v
}

// send seals frames into a packet and has it arrive from an address.
func (v *maliciousPeer) send(from Route, frames []byte) {
	buf := udp.NewBuffer()
	defer buf.Release()
	pkt, err := v.sender.Seal(append(buf.Bytes()[:noise.HeaderSize], frames...), typeData, 0)
	if err != nil {
		panic(err)
	}
	v.link.Deliver(from, udp.Batch{Addr: from.Addr, Data: pkt, Size: len(pkt), Buf: buf})
}

// say sends frames from the peer's own address and waits until the link has handled them.
func (v *maliciousPeer) say(frames []byte) {
	v.send(v.home, frames)
	synctest.Wait()
}

// serve is an application that reads all streams it is offered.
func (v *maliciousPeer) serve(t *testing.T) {
	for {
		s, err := v.link.AcceptStream(t.Context())
		if err != nil {
			return
		}
		go func() {
			io.Copy(io.Discard, s)
			s.Close()
		}()
	}
}

// ackAll acknowledges all that the link has sent.
func (v *maliciousPeer) ackAll() {
	sent := make(chan uint64, 1)
	if v.link.do(func() { sent <- v.link.sender.Counter() }) {
		if n := <-sent; n > 0 {
			b, _ := wire.AppendAck(nil, spans.Set{{Start: 0, End: n}}, 0, 100)
			v.say(b)
		}
	}
}

// holdings returns about how many bytes the peer has made the link hold.
func (v *maliciousPeer) holdings() int {
	out := make(chan int, 1)
	l := v.link
	ok := l.do(func() {
		n := l.loss.history.Records()*200 + l.loss.acks.Bookkeeping() + cap(l.packetIn.ranges)*16 + l.paths.Held()
		l.streams.mu.Lock()
		defer l.streams.mu.Unlock()
		n += (len(l.streams.live)+len(l.streams.backlog))*400 + cap(l.streams.seen)*16
		for _, s := range l.streams.live {
			s.mu.Lock()
			n += s.in.Held() + s.out.Held() + s.in.Bookkeeping() + s.out.Bookkeeping()
			s.mu.Unlock()
		}
		l.mail.mu.Lock()
		n += l.mail.inbox.held + cap(l.mail.inbox.arrivals)*arrivalCost
		l.mail.mu.Unlock()
		out <- n
	})
	if !ok {
		return 0
	}
	return <-out
}

// maxHoldings is what the package comment promises.
const maxHoldings = 86 << 20

// against runs f against a link, and then checks that the link is within its bounds and closes.
func against(t *testing.T, f func(t *testing.T, v *maliciousPeer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := newMaliciousPeer()
		f(t, v)
		synctest.Wait()
		if n := v.holdings(); n > maxHoldings {
			t.Errorf("the link holds %d bytes", n)
		}
		start := time.Now()
		v.link.Close(CodeDone, "")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("closing took %v", took)
		}
		synctest.Wait()
	})
}
