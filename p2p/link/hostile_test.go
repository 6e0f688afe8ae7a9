package link

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/stream"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
)

// What breaks the protocol closes the link, with the code that says so.
func TestBrokenProtocolClosesTheLink(t *testing.T) {
	t.Parallel()
	many := func(v *maliciousPeer) {
		for id := uint64(0); id <= 2*maxOffered; id += 2 {
			v.say(wire.AppendStreamHead(nil, id, spans.Span{}, false))
		}
	}
	frames := func(b []byte) func(v *maliciousPeer) { return func(v *maliciousPeer) { v.say(b) } }
	data := func(id uint64, at uint64, fin bool) []byte {
		return append(wire.AppendStreamHead(nil, id, spans.Span{Start: at, End: at + 1}, fin), 'x')
	}
	for _, c := range []struct {
		name   string
		attack func(v *maliciousPeer)
	}{
		{"an unknown frame", frames([]byte{0x3f})},
		{"half a frame", frames([]byte{wire.FramePing, 1})},
		{"an ACK of what was never sent", frames([]byte{wire.FrameAck, 0x41, 0, 0, 0, 0})},
		{"data beyond the window", frames(data(0, stream.FirstWindow, false))},
		{"data behind the end", frames(append(data(0, 0, true), data(0, 1, false)...))},
		{"a stream of ours that we never opened", frames(data(1, 0, false))},
		{"a window for one", frames(wire.AppendStreamControl(nil, wire.FrameWindow, 3, 1))},
		{"more streams than may be open", many},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			against(t, func(t *testing.T, v *maliciousPeer) {
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
	against(t, func(t *testing.T, v *maliciousPeer) {
		time.Sleep(time.Second)
		var b []byte
		for i := range 7000 {
			b = wire.AppendPing(b, uint64(i))
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
		if n := v.link.loss.history.Records(); n > 0 {
			t.Errorf("%d packets are remembered", n)
		}
	})
}

// Packets whose source is forged make their targets get little, all in all.
func TestForgedSourcesGetFewProbes(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *maliciousPeer) {
		victim := func(i int) Route {
			r := v.home
			r.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 9)
			return r
		}
		for i := range 2000 {
			v.send(victim(i%200), appendFiller(nil, new(recovery.Packet)))
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
		if most := 8 * (path.ProbeBudget + int(80*time.Second/path.ProbeRefill)); sum == 0 || sum > most {
			t.Errorf("victims got %d datagrams, want at most %d", sum, most)
		}
	})
}

// Where the source of a PING may be forged, its answer is no longer than what it answers; and a PING of
// ours has the length that its answer needs.
func TestAnswersAreNotLonger(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *maliciousPeer) {
		for i := range 3 { // so that nothing but answers goes to addresses that are named below
			var cs []path.Candidate
			for j := range path.MaxCandidates {
				host := netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + i*path.MaxCandidates + j)})
				cs = append(cs, path.Candidate{Kind: path.Host, Addr: netip.AddrPortFrom(host, 9)})
			}
			v.say(wire.AppendCandidates(nil, cs))
		}
		for i, c := range []struct{ padding, most int }{
			{0, 0}, {wire.PongSize - wire.PingSize - 1, 0}, {wire.PongSize - wire.PingSize, wire.PongSize}, {wire.PongSize - 1, wire.PongSize},
			{wire.PongSize, wire.PongSize + wire.PingSize}, {path.MinMTU - noise.Overhead - wire.PingSize, wire.PongSize + wire.PingSize},
		} {
			from := v.home
			from.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 9)
			v.send(from, append(wire.AppendPing(nil, 7), make([]byte, c.padding)...))
			synctest.Wait()
			v.mu.Lock()
			got := max(v.bytes[from.Addr]-noise.Overhead, 0)
			v.mu.Unlock()
			if got != c.most {
				t.Errorf("%d bytes of frames were answered with %d, want %d", wire.PingSize+c.padding, got, c.most)
			}
		}
		if n := len(wire.AppendPaddedPing(nil, 1)); n != wire.PongSize+wire.PingSize {
			t.Errorf("a PING has %d bytes", n)
		}
	})
}

// Addresses that are named by the thousand are not even remembered.
func TestNamedAddressesAreBounded(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *maliciousPeer) {
		for i := range 1000 {
			var cs []path.Candidate
			for j := range path.MaxCandidates {
				a := netip.AddrFrom4([4]byte{203, 0, byte(i), byte(j + 1)})
				cs = append(cs, path.Candidate{Kind: path.Host, Addr: netip.AddrPortFrom(a, 9)})
			}
			v.say(wire.AppendCandidates(nil, cs))
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
		if sum == 0 || sum > 9*path.ProbeBudget {
			t.Errorf("strangers got %d datagrams", sum)
		}
	})
}

// A stream that is given up both ways before anybody accepts it leaves
// nothing behind.
func TestUnacceptedStreamsLeave(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *maliciousPeer) {
		for i := range uint64(5 * maxOffered) {
			b := wire.AppendStreamHead(nil, 2*i, spans.Span{}, false)
			b = wire.AppendStreamControl(b, wire.FrameReset, 2*i, 0)
			b = wire.AppendStreamControl(b, wire.FrameStop, 2*i, 0)
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

// Streams that hold as much as they can, with the first byte missing.
func TestStreamsPinBoundedMemory(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, v *maliciousPeer) {
		go v.serve(t)
		block := make([]byte, 32<<10)
		for id := uint64(0); id < 20; id += 2 { // make the windows grow
			for at := uint64(0); at < 4<<20; at += uint64(len(block)) {
				v.say(append(wire.AppendStreamHead(nil, id, spans.Span{Start: at, End: at + uint64(len(block))}, false), block...))
				v.ackAll()
				time.Sleep(time.Millisecond)
			}
		}
		for id := uint64(0); id < 2*maxOffered; id += 2 {
			limit := uint64(stream.FirstWindow)
			if s, _ := v.link.streams.find(id); s != nil {
				s.mu.Lock()
				limit = s.in.Limit()
				s.mu.Unlock()
			}
			v.say(append(wire.AppendStreamHead(nil, id, spans.Span{Start: limit - 1, End: limit}, false), 'x'))
		}
		if err := v.link.Err(); err != nil {
			t.Fatal(err)
		}
		if n := v.holdings(); n < stream.LinkWindows {
			t.Errorf("the attack is no good: %d bytes are held", n)
		}
	})
}
