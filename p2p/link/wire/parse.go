package wire

import (
	"encoding/binary"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/path"
)

// Parse calls h for each frame of a packet and reports whether the packet is ack-eliciting. The
// ranges of an ACK are stored in scratch. The error is ErrMalformed or that of h.
func Parse(b []byte, h Handler, scratch *[]spans.Span) (ackEliciting bool, err error) {
	r := reader{b: b}
	for len(r.b) > 0 {
		typ := r.byte()
		switch typ {
		case FramePadding, FramePing, FramePong, FrameAck, FrameClose:
		default:
			ackEliciting = true
		}
		if err := parseFrame(typ, &r, h, scratch); err != nil {
			return ackEliciting, err
		}
		if r.bad {
			return ackEliciting, ErrMalformed
		}
	}
	return ackEliciting, nil
}

func parseFrame(typ byte, r *reader, h Handler, scratch *[]spans.Span) error {
	switch typ {
	case FramePadding:
	case FramePing:
		if b := r.bytes(8); b != nil {
			h.OnPing(binary.BigEndian.Uint64(b))
		}
	case FramePong:
		if b := r.bytes(8 + path.AddrSize); b != nil {
			h.OnPong(binary.BigEndian.Uint64(b), path.ParseAddr(b[8:]))
		}
	case FrameAck:
		a, err := parseAck(r, (*scratch)[:0])
		*scratch = a.Ranges
		if err != nil {
			return err
		}
		return h.OnAck(a)
	case FrameWindow, FrameReset, FrameStop:
		return parseStreamControl(typ, r, h)
	case FrameCandidates:
		cs, rest, err := path.ParseCandidates(r.b)
		if err != nil {
			return ErrMalformed
		}
		r.b = rest
		h.OnCandidates(cs)
	case FrameNAT:
		return parseNAT(r, h)
	case FrameOpened:
		return parseOpened(r, h)
	case FrameDatagram:
		if d := r.bytes(r.varint()); !r.bad {
			h.OnDatagram(d)
		}
	case FramePiece:
		p := Piece{ID: r.varint(), Offset: r.varint(), Size: r.varint()}
		if p.Data = r.bytes(r.varint()); !r.bad {
			h.OnPiece(p)
		}
	case FrameClose:
		code := r.varint()
		if reason := r.bytes(r.varint()); !r.bad {
			h.OnClose(code, string(reason[:min(len(reason), maxReason)]))
		}
	case FrameStream, FrameStream | streamFin, FrameStream | streamLen, FrameStream | streamFin | streamLen:
		return parseStream(typ, r, h)
	default:
		return ErrMalformed
	}
	return nil
}

func parseStreamControl(typ byte, r *reader, h Handler) error {
	id, v := r.varint(), r.varint()
	if r.bad {
		return ErrMalformed
	}
	switch typ {
	case FrameWindow:
		return h.OnWindow(id, v)
	case FrameReset:
		return h.OnReset(id, v)
	default:
		return h.OnStop(id, v)
	}
}

func parseStream(typ byte, r *reader, h Handler) error {
	f := Stream{ID: r.varint(), Offset: r.varint(), Fin: typ&streamFin != 0}
	n := uint64(len(r.b))
	if typ&streamLen != 0 {
		n = r.varint()
	}
	f.Data = r.bytes(n)
	if r.bad || f.Offset+n > maxVarint {
		return ErrMalformed
	}
	return h.OnStream(f)
}

func parseAck(r *reader, ranges []spans.Span) (Ack, error) {
	largest, delay, more, first := r.varint(), r.varint(), r.varint(), r.varint()
	if r.bad || first > largest || more > uint64(len(r.b)) {
		return Ack{Ranges: ranges}, ErrMalformed
	}
	ranges = append(ranges, spans.Span{Start: largest - first, End: largest + 1})
	for low := largest - first; more > 0; more-- {
		gap, length := r.varint(), r.varint()
		if r.bad || low < gap+2+length { // RFC 9000, section 19.3.1
			return Ack{Ranges: ranges}, ErrMalformed
		}
		high := low - gap - 2
		low = high - length
		ranges = append(ranges, spans.Span{Start: low, End: high + 1})
	}
	return Ack{time.Duration(min(delay, 1<<32)) * time.Microsecond, ranges}, nil
}

func parseNAT(r *reader, h Handler) error {
	n, _, err := path.ParseNAT(r.bytes(uint64(r.byte())))
	if err != nil {
		return ErrMalformed
	}
	h.OnNAT(n)
	return nil
}

func parseOpened(r *reader, h Handler) error {
	p, _, err := path.ParsePorts(r.bytes(uint64(r.byte())))
	if err != nil {
		return ErrMalformed
	}
	h.OnOpened(p)
	return nil
}
