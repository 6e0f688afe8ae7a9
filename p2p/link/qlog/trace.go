package qlog

import (
	"io"
	"net/netip"
	"strconv"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// MaxSize is the most bytes that a log has.
const MaxSize = 64 << 20

const recordSeparator = 0x1e // RFC 7464

// Info describes a link.
type Info struct {
	Title     string // for a person
	Group     string // the same for both ends of a link; may be empty
	Initiator bool
}

// A Trace is the log of one link. It is not safe for concurrent use: the link's loop calls it.
type Trace struct {
	w       *writer
	e       encoder
	scratch []spans.Span
	began   time.Time
	flushed time.Time
	size    int  // bytes that were passed on
	full    bool // MaxSize was reached
	dropped int  // bytes since the last warning
	paths   int  // that were assigned
	last    Metrics
	state   string
}

// New begins a log, which Close ends. It writes to w from another goroutine and closes it.
func New(w io.WriteCloser, info Info, now time.Time) *Trace {
	t := &Trace{w: newWriter(w), began: now, flushed: now}
	t.e.buf = make([]byte, 0, chunkSize+1024)
	t.header(info)
	return t
}

func (t *Trace) header(info Info) {
	e := &t.e
	e.buf = append(e.buf, recordSeparator)
	e.open('{')
	e.word("file_schema", "urn:ietf:params:qlog:file:sequential")
	e.word("serialization_format", "application/qlog+json-seq")
	e.word("qlog_format", "JSON-SEQ") // this and the version are of draft 02: qvis wants them
	e.word("qlog_version", "0.3")
	e.text("title", info.Title)
	e.object("trace")
	e.text("title", info.Title)
	e.array("event_schemas")
	e.comma()
	e.buf = append(e.buf, `"urn:ietf:params:qlog:events:quic"`...)
	e.endArray()
	e.object("vantage_point")
	e.word("name", "p2ptool")
	e.word("type", map[bool]string{true: "client", false: "server"}[info.Initiator])
	e.endObject()
	e.object("common_fields")
	if info.Group != "" {
		e.text("group_id", info.Group)
	}
	e.word("time_format", "relative")
	e.name("reference_time")
	e.buf = strconv.AppendFloat(e.buf, float64(t.began.UnixMicro())/1e3, 'f', 3, 64)
	e.endObject()
	e.endObject()
	e.endObject()
	e.buf = append(e.buf, '\n')
}

// begin begins an event on a path, 0 for none, and reports whether there is room for it. end ends it.
func (t *Trace) begin(now time.Time, name string, path int) bool {
	if t.full || t.w.failed.Load() {
		return false
	}
	e := &t.e
	e.buf = append(e.buf, recordSeparator)
	e.open('{')
	e.ms("time", now.Sub(t.began))
	e.word("name", name)
	if path != 0 {
		e.name("tuple")
		e.buf = append(strconv.AppendInt(append(e.buf, '"'), int64(path), 10), '"')
	}
	e.object("data")
	return true
}

func (t *Trace) end(now time.Time) {
	t.e.endObject()
	t.e.endObject()
	t.e.buf = append(t.e.buf, '\n')
	if len(t.e.buf) >= chunkSize || now.Sub(t.flushed) >= flushPeriod {
		t.flush(now)
	}
}

// flush passes on what was appended.
func (t *Trace) flush(now time.Time) {
	t.flushed = now
	n := len(t.e.buf)
	empty, ok := t.w.put(t.e.buf)
	t.e.buf = empty
	if !ok {
		t.dropped += n
		return
	}
	t.size += n
	if n := t.dropped; n > 0 {
		t.dropped = 0
		t.warn(now, "the disk was too slow: "+strconv.Itoa(n)+" bytes of events are missing here")
	}
	if t.size >= MaxSize-2*chunkSize {
		t.warn(now, "this log has reached its largest size: nothing more is logged")
		t.full = true
	}
}

func (t *Trace) warn(now time.Time, message string) {
	if t.begin(now, "loglevel:warning", 0) {
		t.e.text("message", message)
		t.e.endObject()
		t.e.endObject()
		t.e.buf = append(t.e.buf, '\n')
	}
}

// Close ends the log. It waits a moment until that is written. remote says which side ended the link, with
// a code and a reason.
func (t *Trace) Close(now time.Time, remote bool, code uint64, reason string) {
	if t.begin(now, "quic:connection_closed", 0) {
		t.e.word("initiator", side(remote))
		t.e.uint("application_error", code)
		t.e.text("reason", reason)
		t.end(now)
	}
	t.w.put(t.e.buf)
	t.w.finish()
}

func side(remote bool) string {
	if remote {
		return "remote"
	}
	return "local"
}

// Path gives a path a number, for the events on it. local and remote are its addresses.
func (t *Trace) Path(now time.Time, local, remote netip.AddrPort, kind string) (path int) {
	t.paths++
	if t.begin(now, "quic:tuple_assigned", t.paths) {
		t.e.name("tuple_id")
		t.e.buf = append(strconv.AppendInt(append(t.e.buf, '"'), int64(t.paths), 10), '"')
		t.endpoint("tuple_remote", remote)
		t.endpoint("tuple_local", local)
		t.e.word("kind", kind)
		t.end(now)
	}
	return t.paths
}

func (t *Trace) endpoint(name string, a netip.AddrPort) {
	if !a.IsValid() {
		return
	}
	t.e.object(name)
	ip := a.Addr().Unmap()
	if ip.Is4() {
		t.e.word("ip_v4", ip.String())
		t.e.uint("port_v4", uint64(a.Port()))
	} else {
		t.e.text("ip_v6", ip.String())
		t.e.uint("port_v6", uint64(a.Port()))
	}
	t.e.endObject()
}

// PathState logs the state of a path.
func (t *Trace) PathState(now time.Time, path int, from, to string) {
	if t.begin(now, "p2ptool:path_updated", path) {
		t.e.word("old", from)
		t.e.word("new", to)
		t.end(now)
	}
}

// PathChosen logs the path in use and its kind.
func (t *Trace) PathChosen(now time.Time, path int, kind string) {
	if t.begin(now, "p2ptool:path_chosen", path) {
		t.e.word("kind", kind)
		t.end(now)
	}
}

// MTU logs that a path's datagrams have another size.
func (t *Trace) MTU(now time.Time, path, from, to int) {
	if t.begin(now, "quic:mtu_updated", path) {
		t.e.uint("old", uint64(from))
		t.e.uint("new", uint64(to))
		t.end(now)
	}
}

// Sent logs a packet of size bytes, with its frames as they are before they are sealed.
func (t *Trace) Sent(now time.Time, path int, number uint64, size int, frames []byte) {
	t.packet(now, "transport:packet_sent", path, number, size, frames)
}

// Received logs a packet that arrived, with its frames.
func (t *Trace) Received(now time.Time, path int, number uint64, size int, frames []byte) {
	t.packet(now, "transport:packet_received", path, number, size, frames)
}

func (t *Trace) packet(now time.Time, name string, path int, number uint64, size int, frames []byte) {
	if !t.begin(now, name, path) {
		return
	}
	t.number(number)
	t.e.object("raw")
	t.e.uint("length", uint64(size))
	t.e.uint("payload_length", uint64(len(frames)))
	t.e.endObject()
	t.e.array("frames")
	_, _ = wire.Parse(frames, frameEncoder{&t.e}, &t.scratch) // a malformed packet is logged up to where it is
	t.e.endArray()
	t.end(now)
}

func (t *Trace) number(n uint64) {
	t.e.object("header")
	t.e.word("packet_type", "1RTT")
	t.e.uint("packet_number", n)
	t.e.endObject()
}

// Lost logs that a packet was declared lost.
func (t *Trace) Lost(now time.Time, path int, number uint64) {
	if t.begin(now, "recovery:packet_lost", path) {
		t.number(number)
		t.end(now)
	}
}
