package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/punch"
	"p2ptool/p2p/udp"
)

// A villain is a peer who holds the session's keys and keeps no rule.
type villain struct {
	sender *noise.Sender
	link   *Link // of the victim
	home   Route

	mu  sync.Mutex
	got map[netip.AddrPort]int // datagrams that the victim sent, by address
}

// sink is the victim's socket.
type sink struct {
	nowhere
	v *villain
}

func (s *sink) Write(b udp.Batch) error {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	b.Datagrams(func([]byte) { s.v.got[b.Addr]++ })
	return nil
}

func (s *sink) WriteTTL(b udp.Batch, _ int) error { return s.Write(b) }

func newVillain() *villain {
	v := &villain{got: map[netip.AddrPort]int{}}
	conn := &sink{v: v}
	route := func(a netip.AddrPort) (Route, bool) { return Route{Conn: conn, Addr: a}, true }
	v.home, _ = route(netip.MustParseAddrPort("198.51.100.1:1"))
	var s noise.Secrets
	s.Receive[0] = 1
	v.link = New(Config{
		Secrets: s, Route: route, OnPath: func(Path) {}, OnTrouble: func() {},
		Own: func(netip.Addr) bool { return false },
	})
	v.sender = noise.Secrets{Send: s.Receive}.NewSender(0)
	v.link.AddProven(v.home)
	return v
}

// send seals frames into a packet and has it arrive from an address.
func (v *villain) send(from Route, frames []byte) {
	buf := udp.NewBuffer()
	defer buf.Release()
	pkt, err := v.sender.Seal(append(buf.Bytes()[:noise.HeaderSize], frames...), typeData, 0)
	if err != nil {
		panic(err)
	}
	v.link.Deliver(from, udp.Batch{Addr: from.Addr, Data: pkt, Size: len(pkt), Buf: buf})
}

// say sends frames from where the villain is, and lets the link take them in.
func (v *villain) say(frames []byte) {
	v.send(v.home, frames)
	synctest.Wait()
}

// serve is an application that reads all streams it is offered.
func (v *villain) serve(t *testing.T) {
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

// holdings returns what the villain has made the link hold, in bytes about.
func (v *villain) holdings() int {
	out := make(chan int, 1)
	l := v.link
	ok := l.do(func() {
		n := len(l.history.ring)*200 + cap(l.acks.got)*16 + cap(l.scratch)*16 + len(l.paths)*1000 + cap(l.budget.tried)*48
		l.streams.mu.Lock()
		defer l.streams.mu.Unlock()
		n += (len(l.streams.live)+len(l.streams.backlog))*400 + cap(l.streams.seen)*16
		for _, s := range l.streams.live {
			s.mu.Lock()
			n += s.in.ring.size() + s.out.ring.size() + (cap(s.in.got)+cap(s.out.got))*16
			s.mu.Unlock()
		}
		l.mu.Lock()
		n += l.inbox.held + cap(l.inbox.arrivals)*arrivalCost
		l.mu.Unlock()
		out <- n
	})
	if !ok {
		return 0
	}
	return <-out
}

// maxHoldings is what the package comment promises.
const maxHoldings = 80 << 20

// against has a villain do his worst, and then looks whether the link is well.
func against(t *testing.T, f func(t *testing.T, v *villain)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := newVillain()
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

// What breaks the protocol closes the link, with the code that says so.
func TestBrokenProtocolClosesTheLink(t *testing.T) {
	t.Parallel()
	many := func(v *villain) {
		for id := uint64(0); id <= 2*maxOffered; id += 2 {
			v.say(appendStreamHead(nil, id, span{}, false))
		}
	}
	frames := func(b []byte) func(v *villain) { return func(v *villain) { v.say(b) } }
	data := func(id uint64, at uint64, fin bool) []byte {
		return append(appendStreamHead(nil, id, span{at, at + 1}, fin), 'x')
	}
	for _, c := range []struct {
		name   string
		attack func(v *villain)
	}{
		{"an unknown frame", frames([]byte{0x3f})},
		{"half a frame", frames([]byte{framePing, 1})},
		{"an ACK of what was never sent", frames([]byte{frameAck, 0x41, 0, 0, 0, 0})},
		{"data beyond the window", frames(data(0, firstWindow, false))},
		{"data behind the end", frames(append(data(0, 0, true), data(0, 1, false)...))},
		{"a stream of ours that we never opened", frames(data(1, 0, false))},
		{"a window for one", frames(appendStreamControl(nil, frameWindow, 3, 1))},
		{"more streams than may be open", many},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			against(t, func(t *testing.T, v *villain) {
				c.attack(v)
				time.Sleep(2 * time.Second)
				var e *CloseError
				if err := v.link.Err(); !errors.As(err, &e) || e.Code != CodeProtocol || e.Remote {
					t.Errorf("the link ended with %v", err)
				}
			})
		})
	}
}

// A packet full of PINGs gets one answer, and answers are not remembered.
func TestPingsAreNotMultiplied(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *villain) {
		time.Sleep(time.Second)
		var b []byte
		for i := range 7000 {
			b = appendPing(b, uint64(i))
		}
		v.mu.Lock()
		before := v.got[v.home.Addr]
		v.mu.Unlock()
		for range 200 {
			v.say(b)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if n := v.got[v.home.Addr] - before; n > 210 {
			t.Errorf("%d datagrams answered 200", n)
		}
		if n := len(v.link.history.ring); n > 0 {
			t.Errorf("%d packets are remembered", n)
		}
	})
}

// Packets whose source is forged make their targets get little, all in all.
func TestForgedSourcesGetFewProbes(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *villain) {
		victim := func(i int) Route {
			r := v.home
			r.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 9)
			return r
		}
		for i := range 2000 {
			v.send(victim(i%200), appendFiller(nil, new(sentPacket)))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		v.mu.Lock()
		defer v.mu.Unlock()
		sum := 0
		for i := range 200 {
			n := v.got[victim(i).Addr]
			sum += n
			if n > 8 {
				t.Errorf("victim %d got %d datagrams", i, n)
			}
		}
		if most := 8 * (probeBudget + int(80*time.Second/probeRefill)); sum == 0 || sum > most {
			t.Errorf("victims got %d datagrams, want at most %d", sum, most)
		}
	})
}

// Addresses that are named by the thousand are not even remembered.
func TestNamedAddressesAreBounded(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *villain) {
		for i := range 1000 {
			var cs []punch.Candidate
			for j := range punch.MaxCandidates {
				a := netip.AddrFrom4([4]byte{203, 0, byte(i), byte(j + 1)})
				cs = append(cs, punch.Candidate{Kind: punch.Host, Addr: netip.AddrPortFrom(a, 9)})
			}
			v.say(punch.AppendCandidates([]byte{frameCandidates}, cs))
		}
		time.Sleep(time.Minute)
		v.mu.Lock()
		defer v.mu.Unlock()
		sum := 0
		for a, n := range v.got {
			if a != v.home.Addr {
				sum += n
			}
		}
		if sum == 0 || sum > 9*probeBudget {
			t.Errorf("strangers got %d datagrams", sum)
		}
	})
}

// A stream that is given up both ways before anybody accepts it leaves
// nothing behind.
func TestUnacceptedStreamsLeave(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *villain) {
		for i := range uint64(5 * maxOffered) {
			b := appendStreamHead(nil, 2*i, span{}, false)
			b = appendStreamControl(b, frameReset, 2*i, 0)
			b = appendStreamControl(b, frameStop, 2*i, 0)
			v.say(b)
			time.Sleep(time.Millisecond)
			v.ackAll()
		}
		time.Sleep(time.Second)
		if err := v.link.Err(); err != nil {
			t.Fatal(err)
		}
		if n := v.link.streams.count() + len(v.link.streams.backlog); n > 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// ackAll acknowledges all that the link has sent.
func (v *villain) ackAll() {
	sent := make(chan uint64, 1)
	if v.link.do(func() { sent <- v.link.sender.Counter() }) {
		if n := <-sent; n > 0 {
			b, _ := appendAck(nil, spans{{0, n}}, 0, 100)
			v.say(b)
		}
	}
}

// Streams that hold as much as they can, with the first byte missing.
func TestStreamsPinBoundedMemory(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *villain) {
		go v.serve(t)
		block := make([]byte, 32<<10)
		for id := uint64(0); id < 20; id += 2 { // make the windows grow
			for at := uint64(0); at < 4<<20; at += uint64(len(block)) {
				v.say(append(appendStreamHead(nil, id, span{at, at + uint64(len(block))}, false), block...))
				v.ackAll()
				time.Sleep(time.Millisecond)
			}
		}
		for id := uint64(0); id < 2*maxOffered; id += 2 {
			limit := uint64(firstWindow)
			if s, _ := v.link.streams.find(id); s != nil {
				s.mu.Lock()
				limit = s.in.window.limit
				s.mu.Unlock()
			}
			v.say(append(appendStreamHead(nil, id, span{limit - 1, limit}, false), 'x'))
		}
		if err := v.link.Err(); err != nil {
			t.Fatal(err)
		}
		if n := v.holdings(); n < linkWindows {
			t.Errorf("the attack is no good: %d bytes are held", n)
		}
	})
}

// soup is packets of frames that make some sense, from random numbers.
func (v *villain) soup(next func() uint64) {
	var b []byte
	small := func() uint64 { return next() % 10 }
	for range 1 + small() {
		id := next() % 16
		switch next() % 12 {
		case 0:
			b = appendPing(b, next())
		case 1:
			b = appendPong(b, next(), v.home.Addr)
		case 2:
			var got spans
			at := uint64(0)
			for range small() {
				s := span{at + small(), 0}
				s.end = s.start + 1 + next()%40
				got.add(s)
				at = s.end + 1
			}
			b, _ = appendAck(b, got, time.Duration(next()%1e9), 1000)
		case 3:
			b = appendStreamControl(b, frameWindow, id, next()%(1<<22))
		case 4:
			b = appendStreamControl(b, frameReset, id, small())
		case 5:
			b = appendStreamControl(b, frameStop, id, small())
		case 6:
			b = append(appendVarint(append(b, frameDatagram), 3), "abc"...)
		case 7:
			a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(next())}), uint16(next()))
			b = punch.AppendCandidates(append(b, frameCandidates), []punch.Candidate{{Kind: punch.Host, Addr: a}})
		case 8:
			b = append(b, make([]byte, small())...)
		default:
			at, n := next()%(80<<10), next()%1000
			b = append(appendStreamHead(b, id, span{at, at + n}, next()%50 == 0), make([]byte, n)...)
		}
	}
	from := v.home
	if next()%20 == 0 {
		from.Addr = netip.AddrPortFrom(from.Addr.Addr(), uint16(next()))
	}
	v.send(from, b)
}

// Whatever comes, in whatever order, the link lives or ends as it should.
func TestHostileSoup(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		against(t, func(t *testing.T, v *villain) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			go v.serve(t)
			for range 200 {
				v.soup(rnd.Uint64)
				if s, err := v.link.OpenStream(); err == nil && rnd.IntN(5) == 0 {
					s.Write(make([]byte, rnd.IntN(5000)))
					s.Close()
				}
				time.Sleep(time.Duration(rnd.IntN(50)) * time.Millisecond)
			}
		})
	}
}

// FuzzPeer gives a link packets of any frames, each behind its length.
func FuzzPeer(f *testing.F) {
	f.Add([]byte("\x09\x01\x01\x02\x03\x04\x05\x06\x07\x08\x04\x10\x00\x00x"))
	f.Add([]byte("\x06\x13\x00\x00\x01x\x00\x05\x03\x00\x00\x00\x00\x03\x04\x00\x20"))
	f.Fuzz(func(t *testing.T, b []byte) {
		against(t, func(t *testing.T, v *villain) {
			go v.serve(t)
			for len(b) > 0 {
				n := min(int(b[0]), len(b)-1)
				v.send(v.home, b[1:1+n])
				b = b[1+n:]
				time.Sleep(20 * time.Millisecond)
			}
		})
	})
}
