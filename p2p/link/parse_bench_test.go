package link

import (
	"testing"

	"p2ptool/p2p/link/spans"
)

// A tally takes the frames of bulk transfers, and no others.
type tally struct {
	frameHandler
	bytes, ranges int
}

func (c *tally) onStream(f streamFrame) error { c.bytes += len(f.data); return nil }
func (c *tally) onAck(a ackFrame) error       { c.ranges += len(a.ranges); return nil }

// BenchmarkParse reads a packet full of a stream's data, and an ACK of as many ranges as loss
// makes of it.
func BenchmarkParse(b *testing.B) {
	const size, gaps = 1400, 30
	data := appendStreamHead(nil, 3, spans.Span{Start: 1 << 30, End: 1<<30 + size}, false)
	data = append(data, make([]byte, size)...)
	var got spans.Set
	for i := range uint64(gaps) {
		got.Add(spans.Span{Start: 1<<20 + 100*i, End: 1<<20 + 100*i + 50})
	}
	ack, told := appendAck(nil, got, 0, size)
	if told != gaps {
		b.Fatalf("%d ranges are told of", told)
	}
	for _, p := range []struct {
		name string
		b    []byte
		want tally
	}{
		{"data", data, tally{bytes: size}},
		{"ack", ack, tally{ranges: gaps}},
	} {
		b.Run(p.name, func(b *testing.B) {
			var c tally
			scratch := make([]spans.Span, 0, gaps)
			b.ReportAllocs()
			for b.Loop() {
				c = tally{}
				if _, err := parseFrames(p.b, &c, &scratch); err != nil || c != p.want {
					b.Fatalf("%+v, %v", c, err)
				}
			}
		})
	}
}
