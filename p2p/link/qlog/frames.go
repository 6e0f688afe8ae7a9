package qlog

import (
	"net/netip"
	"strconv"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// A frameEncoder appends the frames of a packet (wire.Handler).
type frameEncoder struct{ *encoder }

func (e frameEncoder) frame(typ string) {
	e.element()
	e.word("frame_type", typ)
}

func (e frameEncoder) OnPing(uint64) {
	e.frame("ping")
	e.endObject()
}

func (e frameEncoder) OnPong(_ uint64, seen netip.AddrPort) {
	e.frame("pong")
	e.text("seen", seen.String())
	e.endObject()
}

func (e frameEncoder) OnAck(a wire.Ack) error {
	e.frame("ack")
	e.ms("ack_delay", a.Delay)
	e.array("acked_ranges")
	for i := len(a.Ranges) - 1; i >= 0; i-- { // in ascending order
		e.comma()
		e.buf = append(e.buf, '[')
		e.buf = strconv.AppendUint(e.buf, a.Ranges[i].Start, 10)
		e.buf = append(e.buf, ',')
		e.buf = strconv.AppendUint(e.buf, a.Ranges[i].End-1, 10)
		e.buf = append(e.buf, ']')
	}
	e.endArray()
	e.endObject()
	return nil
}

func (e frameEncoder) OnWindow(stream, limit uint64) error {
	return e.control("max_stream_data", stream, "maximum", limit)
}

func (e frameEncoder) OnReset(stream, code uint64) error {
	return e.control("reset_stream", stream, "error_code", code)
}

func (e frameEncoder) OnStop(stream, code uint64) error {
	return e.control("stop_sending", stream, "error_code", code)
}

func (e frameEncoder) control(typ string, stream uint64, name string, v uint64) error {
	e.frame(typ)
	e.uint("stream_id", stream)
	e.uint(name, v)
	e.endObject()
	return nil
}

func (e frameEncoder) OnCandidates(cs []path.Candidate) {
	e.frame("candidates")
	e.array("candidates")
	for _, c := range cs {
		e.element()
		e.word("kind", c.Kind.String())
		e.text("addr", c.Addr.String())
		e.endObject()
	}
	e.endArray()
	e.endObject()
}

func (e frameEncoder) OnNAT(n path.NAT) {
	e.frame("nat")
	e.word("mapping", n.Mapping.String())
	e.word("filtering", n.Filtering.String())
	e.endObject()
}

func (e frameEncoder) OnOpened(p path.Ports) {
	e.frame("opened")
	e.uint("low", uint64(p.Low))
	e.uint("high", uint64(p.High))
	e.endObject()
}

func (e frameEncoder) OnDatagram(data []byte) {
	e.frame("datagram")
	e.uint("length", uint64(len(data)))
	e.endObject()
}

func (e frameEncoder) OnPiece(p wire.Piece) {
	e.frame("piece")
	e.uint("datagram", p.ID)
	e.uint("offset", p.Offset)
	e.uint("length", uint64(len(p.Data)))
	e.endObject()
}

func (e frameEncoder) OnClose(code uint64, reason string) {
	e.frame("connection_close")
	e.word("error_space", "application")
	e.uint("error_code", code)
	e.text("reason", reason)
	e.endObject()
}

func (e frameEncoder) OnStream(f wire.Stream) error {
	e.frame("stream")
	e.uint("stream_id", f.ID)
	e.uint("offset", f.Offset)
	e.uint("length", uint64(len(f.Data)))
	if f.Fin {
		e.bool("fin", true)
	}
	e.endObject()
	return nil
}
