package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"p2ptool/p2p/link/qlog"
)

// A logFile is where a trace is written.
type logFile struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	room   int // bytes that it holds
	failed int // writes
	closed bool
}

func (f *logFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.room - f.buf.Len(); n < len(b) {
		f.failed++
		f.buf.Write(b[:n])
		return n, errors.New("no space left on device")
	}
	return f.buf.Write(b)
}

func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

// A record is an event of a log, or its header.
type record struct {
	Time  float64
	Name  string
	Tuple string
	Data  struct {
		Old, New any
		Header   struct {
			PacketType   string `json:"packet_type"`
			PacketNumber int    `json:"packet_number"`
		}
		Raw    struct{ Length int }
		Frames []struct {
			Type   string   `json:"frame_type"`
			Ranges [][2]int `json:"acked_ranges"`
			Length int
		}
		Window int `json:"congestion_window"`
	}
	Format string `json:"qlog_format"`
	Schema string `json:"file_schema"`
}

// records parses a log as a JSON text sequence (RFC 7464).
func (f *logFile) records(t *testing.T) (all []record) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := strings.Split(f.buf.String(), "\x1e")
	if texts[0] != "" {
		t.Fatalf("the log begins with %q", texts[0])
	}
	for _, text := range texts[1:] {
		var r record
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		all = append(all, r)
	}
	return all
}

// named returns the events of a name.
func named(all []record, name string) (some []record) {
	for _, r := range all {
		if r.Name == name {
			some = append(some, r)
		}
	}
	return some
}

// traced has both ends of a network write logs.
func traced(room int, change func(*testNetwork)) (logs [2]*logFile, with func(*testNetwork)) {
	for i := range logs {
		logs[i] = &logFile{room: room}
	}
	return logs, func(w *testNetwork) {
		w.trace = func(end int) *qlog.Trace {
			return qlog.New(logs[end], qlog.Info{Title: "test", Initiator: end == 0}, time.Now())
		}
		if change != nil {
			change(w)
		}
	}
}

// A log of a transfer with loss has the events of both ends, in order, with frames that match.
func TestTrace(t *testing.T) {
	t.Parallel()
	logs, with := traced(64<<20, func(w *testNetwork) { w.loss = 0.02 })
	const size = 2_000_000
	run(t, with, func(t *testing.T, w *testNetwork) { traceTransfer(t, w, size) })
	var all [2][]record
	for i, f := range logs {
		all[i] = f.records(t)
		if !f.closed {
			t.Errorf("log %d was not closed", i)
		}
		if head := all[i][0]; head.Format != "JSON-SEQ" || head.Schema != "urn:ietf:params:qlog:file:sequential" {
			t.Errorf("header: %+v", head)
		}
		if !slices.IsSortedFunc(all[i], func(a, b record) int { return int(1e3*a.Time) - int(1e3*b.Time) }) {
			t.Error("events are not in order of time")
		}
		for _, name := range []string{
			"quic:tuple_assigned", "p2ptool:path_updated", "p2ptool:path_chosen", "quic:mtu_updated", "recovery:metrics_updated",
			"recovery:congestion_state_updated", "transport:packet_sent", "transport:packet_received", "quic:connection_closed",
		} {
			if len(named(all[i], name)) == 0 {
				t.Errorf("log %d has no %s", i, name)
			}
		}
	}
	sent, received := named(all[0], "transport:packet_sent"), named(all[1], "transport:packet_received")
	if len(received) >= len(sent) || len(received) < len(sent)*9/10 {
		t.Errorf("%d packets were sent, %d received, at 2 %% loss", len(sent), len(received))
	}
	if lost := len(named(all[0], "recovery:packet_lost")); lost < (len(sent)-len(received))/2 {
		t.Errorf("%d were declared lost", lost)
	}
	data := 0
	for _, r := range sent {
		for _, f := range r.Data.Frames {
			if f.Type == "stream" {
				data += f.Length
			}
		}
		if r.Data.Header.PacketType != "1RTT" || r.Tuple == "" || r.Data.Raw.Length == 0 {
			t.Fatalf("sent: %+v", r)
		}
	}
	if data < size {
		t.Errorf("STREAM frames carried %d bytes", data)
	}
	acked := 0
	for _, r := range named(all[0], "transport:packet_received") {
		for _, f := range r.Data.Frames {
			for _, a := range f.Ranges {
				acked = max(acked, a[1])
			}
		}
	}
	if newest := sent[len(sent)-1].Data.Header.PacketNumber; acked < newest/2 || acked > newest {
		t.Errorf("packet %d was acknowledged, %d was sent", acked, newest)
	}
}

func traceTransfer(t *testing.T, w *testNetwork, size int) {
	t.Helper()
	s, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		s.Write(bulk(size))
		s.CloseWrite()
	}()
	r, err := w.b.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || len(got) != size {
		t.Errorf("%d bytes arrived: %v", len(got), err)
	}
}

// A full disk ends the log and nothing else.
func TestTraceOnAFullDisk(t *testing.T) {
	t.Parallel()
	const room = 100_000
	logs, with := traced(room, nil)
	run(t, with, func(t *testing.T, w *testNetwork) { traceTransfer(t, w, 2_000_000) })
	for i, f := range logs {
		if f.buf.Len() > room || f.buf.Len() == 0 || !f.closed || f.failed != 1 {
			t.Errorf("log %d: %d bytes, %d writes failed, closed %v", i, f.buf.Len(), f.failed, f.closed)
		}
	}
}

// A disk that hangs holds nothing up.
func TestTraceOnADiskThatHangs(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) {
		w.trace = func(int) *qlog.Trace { return qlog.New(hangingFile{}, qlog.Info{}, time.Now()) }
	}, func(t *testing.T, w *testNetwork) {
		began := time.Now()
		traceTransfer(t, w, 25_000_000)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the transfer took %v", took)
		}
		began = time.Now()
		w.close()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("closing took %v", took)
		}
	})
}

// A hangingFile takes half a minute for each write.
type hangingFile struct{}

func (hangingFile) Write(b []byte) (int, error) {
	time.Sleep(30 * time.Second)
	return len(b), nil
}

func (hangingFile) Close() error { return nil }

// A log has an end.
func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	f := &logFile{room: 1 << 30}
	now := time.Now()
	tr := qlog.New(f, qlog.Info{}, now)
	for i := range 1_500_000 {
		tr.Sent(now, 1, uint64(i), 1200, nil)
		if i%100 == 0 {
			time.Sleep(0)
		}
	}
	tr.Close(now, false, 0, "")
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.buf.Len(); n > qlog.MaxSize || n < qlog.MaxSize/8 {
		t.Errorf("the log has %d bytes", n)
	}
}
