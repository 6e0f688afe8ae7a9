package wire

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/path"
)

// A recorder records the frames of a packet and appends them again.
type recorder struct {
	out    []byte // the same frames
	frames []any
}

type (
	pingSeen struct{ id uint64 }
	pongSeen struct {
		id   uint64
		addr netip.AddrPort
	}
	controlSeen struct {
		typ       byte
		stream, v uint64
	}
	candidatesSeen struct{ cs string }
	natSeen        struct{ nat path.NAT }
	openedSeen     struct{ ports path.Ports }
	datagramSeen   struct{ data string }
	pieceSeen      struct {
		id, offset, whole uint64
		data              string
	}
	closeSeen struct {
		code   uint64
		reason string
	}
	streamSeen struct {
		id, offset uint64
		data       string
		fin        bool
	}
	ackSeen struct {
		delay  time.Duration
		ranges string
	}
)

func (r *recorder) note(frame any, appended []byte) error {
	r.frames, r.out = append(r.frames, frame), appended
	return nil
}

func (r *recorder) OnPing(id uint64) { r.note(pingSeen{id}, AppendPing(r.out, id)) }
func (r *recorder) OnPong(id uint64, a netip.AddrPort) {
	r.note(pongSeen{id, a}, AppendPong(r.out, id, a))
}
func (r *recorder) control(typ byte, stream, v uint64) error {
	return r.note(controlSeen{typ, stream, v}, AppendStreamControl(r.out, typ, stream, v))
}
func (r *recorder) OnWindow(stream, limit uint64) error { return r.control(FrameWindow, stream, limit) }
func (r *recorder) OnReset(stream, code uint64) error   { return r.control(FrameReset, stream, code) }
func (r *recorder) OnStop(stream, code uint64) error    { return r.control(FrameStop, stream, code) }
func (r *recorder) OnCandidates(cs []path.Candidate) {
	r.note(candidatesSeen{string(path.AppendCandidates(nil, cs))}, AppendCandidates(r.out, cs))
}
func (r *recorder) OnNAT(n path.NAT)      { r.note(natSeen{n}, AppendNAT(r.out, n)) }
func (r *recorder) OnOpened(p path.Ports) { r.note(openedSeen{p}, AppendOpened(r.out, p)) }
func (r *recorder) OnDatagram(d []byte) {
	r.note(datagramSeen{string(d)}, AppendDatagram(r.out, d))
}
func (r *recorder) OnPiece(p Piece) {
	r.note(pieceSeen{p.ID, p.Offset, p.Size, string(p.Data)}, AppendPiece(r.out, p))
}
func (r *recorder) OnClose(code uint64, reason string) {
	r.note(closeSeen{code, reason}, AppendClose(r.out, code, reason))
}
func (r *recorder) OnStream(f Stream) error {
	b := AppendStreamHead(r.out, f.ID, spans.Span{Start: f.Offset, End: f.Offset + uint64(len(f.Data))}, f.Fin)
	return r.note(streamSeen{f.ID, f.Offset, string(f.Data), f.Fin}, append(b, f.Data...))
}
func (r *recorder) OnAck(a Ack) error {
	var got spans.Set
	for i := min(len(a.Ranges), maxRanges) - 1; i >= 0; i-- {
		if s := a.Ranges[i]; s.Len() == 0 || len(got) > 0 && s.Start <= got.Last() {
			return ErrMalformed // no set of packets
		}
		got = append(got, a.Ranges[i])
	}
	b, n := AppendAck(r.out, got, a.Delay, 1<<20)
	if n != len(got) {
		return ErrMalformed
	}
	return r.note(ackSeen{a.Delay, spanText(got)}, b)
}

func spanText(ss spans.Set) string {
	var b strings.Builder
	for _, s := range ss {
		b.Write(appendVarint(appendVarint(nil, s.Start), s.End))
	}
	return b.String()
}

func TestFrames(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddrPort("192.0.2.7:3478")
	for _, c := range []struct {
		hex   string
		wants bool // an acknowledgement
		want  []any
	}{
		{"", false, nil},
		{"000000", false, nil},
		{"01 0102030405060708", false, []any{pingSeen{0x0102030405060708}}},
		{"02 0000000000000001 00000000000000000000ffffc0000207 0d96", false, []any{pongSeen{1, addr}}},
		{"03 08 43e8 01 02 01 00", false, []any{ackSeen{1000 * time.Microsecond, spanText(spans.Set{{Start: 3, End: 4}, {Start: 6, End: 9}})}}},
		{"04 04 80010000", true, []any{controlSeen{FrameWindow, 4, 65536}}},
		{"05 01 00", true, []any{controlSeen{FrameReset, 1, 0}}},
		{"06 01 4040", true, []any{controlSeen{FrameStop, 1, 64}}},
		{"07 00", true, []any{candidatesSeen{"\x00"}}},
		{"08 02 6869", true, []any{datagramSeen{"hi"}}},
		{"0e 05 02 07 02 6869", true, []any{pieceSeen{5, 2, 7, "hi"}}},
		{"09 00 03 627965", false, []any{closeSeen{0, "bye"}}},
		{"0a 05 03 02 ffff 00", true, []any{natSeen{path.NAT{Mapping: 3, Filtering: 2, Stride: -1}}}},
		{"0a 05 01 01 0000 aa 00", true, []any{natSeen{path.NAT{Mapping: 1, Filtering: 1}}}}, // of the future
		{"0b 06 0400 ffff 0001", true, []any{openedSeen{path.AnyPort()}}},
		{"10 00 05 6869", true, []any{streamSeen{0, 5, "hi", false}}},
		{"13 02 00 01 68 00 11 02 01", true, []any{streamSeen{2, 0, "h", true}, streamSeen{2, 1, "", true}}},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		var r recorder
		var scratch []spans.Span
		wants, err := Parse(b, &r, &scratch)
		if err != nil || wants != c.wants || !reflect.DeepEqual(r.frames, c.want) {
			t.Errorf("%s: %+v, %v, %v", c.hex, r.frames, wants, err)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	for _, h := range []string{
		"01 01020304050607",                           // PING too short
		"02 0000000000000001 0000",                    // PONG too short
		"03 08 00 00",                                 // ACK without a first range
		"03 08 00 00 09",                              // that begins below 0
		"03 08 00 05 00",                              // of more ranges than there are bytes
		"03 08 00 01 02 05 00",                        // of a range below 0
		"04 04",                                       // WINDOW without a limit
		"07 11",                                       // more candidates than a peer may name
		"07 01 01",                                    // fewer than promised
		"08 03 6869",                                  // DATAGRAM too short
		"09 00 ff",                                    // CLOSE whose length is cut
		"0a", "0a 00", "0a 03 010100", "0a 04 010100", // NAT too short
		"0b 06 0000 ffff 0001",       // OPENED with port 0
		"0b 06 0400 03ff 0001",       // without any
		"0b 06 0400 ffff 0000",       // without a step
		"0b 05 0400 ffff 00",         // too short
		"0c", "0f", "14", "3f", "ff", // no such frame
		"12 00 00 7fff 00",               // STREAM too short
		"12 00 ffffffffffffffff 01 00",   // that ends beyond all offsets
		"10 00",                          // without an offset
		"08 c000000100000000 00",         // a length beyond the memory
		"03 ffffffffffffffff 00 00 c0ff", // a varint that is cut
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(h, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		var r recorder
		var scratch []spans.Span
		if _, err := Parse(b, &r, &scratch); err == nil {
			t.Errorf("%s: %+v", h, r.frames)
		}
	}
}

// Parsing, appending and parsing again gives the same frames.
func FuzzFrames(f *testing.F) {
	for _, h := range []string{"0102030405060708", "030843e801020100", "13020001680011020108026869", "0400800100000600400907000907", "0a050302ffff000b060400ffff0001"} {
		b, _ := hex.DecodeString(h)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second recorder
		var scratch []spans.Span
		wants, err := Parse(b, &first, &scratch)
		if err != nil {
			return
		}
		again, err := Parse(first.out, &second, &scratch)
		if err != nil || !reflect.DeepEqual(first.frames, second.frames) {
			t.Fatalf("%x: %+v became %x: %+v, %v", b, first.frames, first.out, second.frames, err)
		}
		if wants != again {
			t.Errorf("%x wants an acknowledgement: %v, then %v", b, wants, again)
		}
		if !bytes.Equal(first.out, second.out) {
			t.Errorf("%x: %x is written as %x", b, first.out, second.out)
		}
	})
}

// An ACK holds the newest spans of a set within the room it has.
func FuzzAck(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 250, 1, 0}, uint64(1000), uint16(100))
	f.Add([]byte{0}, uint64(maxVarint), uint16(27))
	f.Fuzz(func(t *testing.T, gaps []byte, delay uint64, room uint16) {
		var got spans.Set
		var n uint64
		for _, g := range gaps {
			got.Add(spans.Span{Start: n, End: n + 1 + uint64(g>>4)})
			n += 2 + uint64(g)*uint64(g)*uint64(g)
		}
		b, told := AppendAck(nil, got, time.Duration(delay%(1<<31))*time.Microsecond, int(room))
		if len(b) > int(room) || told > len(got) || (told == 0) != (len(b) == 0) {
			t.Fatalf("%d bytes of %d for %d of %d ranges", len(b), room, told, len(got))
		}
		if told == 0 {
			return
		}
		var r recorder
		var scratch []spans.Span
		wants, err := Parse(b, &r, &scratch)
		want := ackSeen{time.Duration(delay%(1<<31)) * time.Microsecond, spanText(got[len(got)-told:])}
		if err != nil || wants || len(r.frames) != 1 || r.frames[0] != want {
			t.Errorf("%x: %+v, %v", b, r.frames, err)
		}
	})
}

func FuzzVarint(f *testing.F) {
	for _, v := range []uint64{0, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, maxVarint} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v uint64) {
		v &= maxVarint
		b := appendVarint(nil, v)
		r := reader{b: b}
		if got := r.varint(); got != v || r.bad || len(r.b) != 0 || len(b) != sizeVarint(v) {
			t.Errorf("%d: %x is read as %d", v, b, got)
		}
		for n := range b {
			if r := (reader{b: b[:n]}); r.varint() != 0 || !r.bad {
				t.Errorf("%d: %x was read", v, b[:n])
			}
		}
	})
}
