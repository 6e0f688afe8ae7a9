package qlog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// A buffer is where a trace is written.
type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// FuzzFrames: whatever a packet carries, its event is an object of JSON, and so are those around it.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add(wire.AppendClose(nil, 7, "\"\x1e\n\xff"))
	f.Add(append(wire.AppendStreamHead(nil, 4, spans.Span{Start: 10, End: 13}, true), "abc"...))
	acked, _ := wire.AppendAck(nil, spans.Set{{Start: 1, End: 4}, {Start: 9, End: 10}}, time.Millisecond, 100)
	f.Add(wire.AppendPing(acked, 1))
	f.Fuzz(func(t *testing.T, frames []byte) {
		w := &buffer{}
		now := time.Now()
		tr := New(w, Info{Title: "a \"title\"", Group: "00"}, now)
		tr.Sent(now, 1, 1, len(frames), frames)
		tr.Received(now, 1, 2, len(frames), frames)
		tr.Close(now, true, 1, string(frames))
		texts := strings.Split(w.String(), "\x1e")
		if len(texts) != 5 || texts[0] != "" {
			t.Fatalf("%d records: %q", len(texts), w.String())
		}
		for _, text := range texts[1:] {
			if !strings.HasSuffix(text, "}\n") || !json.Valid([]byte(text)) {
				t.Errorf("%q", text)
			}
		}
	})
}

// The frames of a packet, as viewers read them.
func TestFrames(t *testing.T) {
	w := &buffer{}
	now := time.Now()
	tr := New(w, Info{Initiator: true}, now)
	frames, _ := wire.AppendAck(nil, spans.Set{{Start: 1, End: 4}, {Start: 9, End: 10}}, 1500*time.Microsecond, 100)
	frames = wire.AppendStreamControl(frames, wire.FrameWindow, 4, 1000)
	frames = append(wire.AppendStreamHead(frames, 4, spans.Span{Start: 10, End: 13}, true), "abc"...)
	tr.Sent(now.Add(12345*time.Microsecond), 3, 77, 100, frames)
	tr.Close(now, false, 0, "")
	const want = `{"time":12.345,"name":"transport:packet_sent","tuple":"3","data":{` +
		`"header":{"packet_type":"1RTT","packet_number":77},"raw":{"length":100,"payload_length":19},"frames":[` +
		`{"frame_type":"ack","ack_delay":1.500,"acked_ranges":[[1,3],[9,9]]},` +
		`{"frame_type":"max_stream_data","stream_id":4,"maximum":1000},` +
		`{"frame_type":"stream","stream_id":4,"offset":10,"length":3,"fin":true}]}}` + "\n"
	if got := strings.Split(w.String(), "\x1e")[2]; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// What an event costs the link's loop.
func BenchmarkSent(b *testing.B) {
	frames := append(wire.AppendStreamHead(nil, 4, spans.Span{Start: 10, End: 1210}, false), make([]byte, 1200)...)
	now := time.Now()
	b.ReportAllocs()
	tr := New(&discard{}, Info{}, now)
	for i := range b.N {
		if i%100_000 == 99_999 { // before the log is full
			tr.Close(now, false, 0, "")
			tr = New(&discard{}, Info{}, now)
		}
		tr.Sent(now, 1, uint64(i), 1241, frames)
	}
	tr.Close(now, false, 0, "")
}

// discard is a file that keeps nothing.
type discard struct{}

func (*discard) Write(b []byte) (int, error) { return len(b), nil }
func (*discard) Close() error                { return nil }
