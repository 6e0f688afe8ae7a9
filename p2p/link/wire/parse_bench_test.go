package wire

import (
	"testing"

	"p2ptool/p2p/link/spans"
)

// A tally counts the frames of bulk transfers, and handles no others.
type tally struct {
	Handler
	bytes, ranges int
}

func (c *tally) OnStream(f Stream) error { c.bytes += len(f.Data); return nil }
func (c *tally) OnAck(a Ack) error       { c.ranges += len(a.Ranges); return nil }

// BenchmarkParse parses a packet full of a stream's data, and an ACK with many ranges.
func BenchmarkParse(b *testing.B) {
	const size, gaps = 1400, 30
	data := AppendStreamHead(nil, 3, spans.Span{Start: 1 << 30, End: 1<<30 + size}, false)
	data = append(data, make([]byte, size)...)
	var got spans.Set
	for i := range uint64(gaps) {
		got.Add(spans.Span{Start: 1<<20 + 100*i, End: 1<<20 + 100*i + 50})
	}
	ack, told := AppendAck(nil, got, 0, size)
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
				if _, err := Parse(p.b, &c, &scratch); err != nil || c != p.want {
					b.Fatalf("%+v, %v", c, err)
				}
			}
		})
	}
}
