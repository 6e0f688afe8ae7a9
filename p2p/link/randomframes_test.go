package link

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// randomFrames sends a packet of well-formed frames with random contents.
func (v *maliciousPeer) randomFrames(next func() uint64) {
	var b []byte
	small := func() uint64 { return next() % 10 }
	for range 1 + small() {
		id := next() % 16
		switch next() % 12 {
		case 0:
			b = wire.AppendPing(b, next())
		case 1:
			b = wire.AppendPong(b, next(), v.home.Addr)
		case 2:
			var got spans.Set
			at := uint64(0)
			for range small() {
				s := spans.Span{Start: at + small(), End: 0}
				s.End = s.Start + 1 + next()%40
				got.Add(s)
				at = s.End + 1
			}
			b, _ = wire.AppendAck(b, got, time.Duration(next()%1e9), 1000)
		case 3:
			b = wire.AppendStreamControl(b, wire.FrameWindow, id, next()%(1<<22))
		case 4:
			b = wire.AppendStreamControl(b, wire.FrameReset, id, small())
		case 5:
			b = wire.AppendStreamControl(b, wire.FrameStop, id, small())
		case 6:
			b = wire.AppendDatagram(b, []byte("abc"))
		case 7:
			a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(next())}), uint16(next()))
			b = wire.AppendCandidates(b, []path.Candidate{{Kind: path.Host, Addr: a}})
		case 8:
			b = append(b, make([]byte, small())...)
		case 9:
			p := outgoing{data: make([]byte, next()%(2*MaxDatagram)+1), id: next() % 20}
			p.sent = int(next()) & 0xffff % len(p.data)
			b, _ = p.appendPiece(b, 200)
		default:
			at, n := next()%(80<<10), next()%1000
			b = append(wire.AppendStreamHead(b, id, spans.Span{Start: at, End: at + n}, next()%50 == 0), make([]byte, n)...)
		}
	}
	from := v.home
	if next()%20 == 0 {
		from.Addr = netip.AddrPortFrom(from.Addr.Addr(), uint16(next()))
	}
	v.send(from, b)
}

// Whatever comes, in whatever order, the link lives or ends as it should.
func TestRandomFrames(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		against(t, func(t *testing.T, v *maliciousPeer) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			go v.serve(t)
			for range 200 {
				v.randomFrames(rnd.Uint64)
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
		against(t, func(t *testing.T, v *maliciousPeer) {
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
