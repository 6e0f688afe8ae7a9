package link

import (
	"encoding/binary"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/punch"
)

// parseFrames tells h all frames of a packet and reports whether one of them
// wants an acknowledgement. Ranges of an ACK are put into scratch.
func parseFrames(b []byte, h frameHandler, scratch *[]spans.Span) (ackEliciting bool, err error) {
	r := reader{b: b}
	for len(r.b) > 0 {
		typ := r.byte()
		switch typ {
		case framePadding, framePing, framePong, frameAck, frameClose:
		default:
			ackEliciting = true
		}
		if err := parseFrame(typ, &r, h, scratch); err != nil {
			return ackEliciting, err
		}
		if r.bad {
			return ackEliciting, errFrame
		}
	}
	return ackEliciting, nil
}

func parseFrame(typ byte, r *reader, h frameHandler, scratch *[]spans.Span) error {
	switch typ {
	case framePadding:
	case framePing:
		if b := r.bytes(8); b != nil {
			h.onPing(binary.BigEndian.Uint64(b))
		}
	case framePong:
		if b := r.bytes(8 + punch.AddrSize); b != nil {
			h.onPong(binary.BigEndian.Uint64(b), punch.ParseAddr(b[8:]))
		}
	case frameAck:
		a, err := parseAck(r, (*scratch)[:0])
		*scratch = a.ranges
		if err != nil {
			return err
		}
		return h.onAck(a)
	case frameWindow, frameReset, frameStop:
		return parseStreamControl(typ, r, h)
	case frameCandidates:
		cs, rest, err := punch.ParseCandidates(r.b)
		if err != nil {
			return errFrame
		}
		r.b = rest
		h.onCandidates(cs)
	case frameNAT:
		return parseNAT(r, h)
	case frameOpened:
		return parseOpened(r, h)
	case frameDatagram:
		if d := r.bytes(r.varint()); !r.bad {
			h.onDatagram(d)
		}
	case framePiece:
		p := piece{id: r.varint(), offset: r.varint(), whole: r.varint()}
		if p.data = r.bytes(r.varint()); !r.bad {
			h.onPiece(p)
		}
	case frameClose:
		code := r.varint()
		if reason := r.bytes(r.varint()); !r.bad {
			h.onClose(code, string(reason[:min(len(reason), maxReason)]))
		}
	case frameStream, frameStream | streamFin, frameStream | streamLen, frameStream | streamFin | streamLen:
		return parseStream(typ, r, h)
	default:
		return errFrame
	}
	return nil
}

func parseStreamControl(typ byte, r *reader, h frameHandler) error {
	id, v := r.varint(), r.varint()
	if r.bad {
		return errFrame
	}
	switch typ {
	case frameWindow:
		return h.onWindow(id, v)
	case frameReset:
		return h.onReset(id, v)
	default:
		return h.onStop(id, v)
	}
}

func parseStream(typ byte, r *reader, h frameHandler) error {
	f := streamFrame{id: r.varint(), offset: r.varint(), fin: typ&streamFin != 0}
	n := uint64(len(r.b))
	if typ&streamLen != 0 {
		n = r.varint()
	}
	f.data = r.bytes(n)
	if r.bad || f.offset+n > maxVarint {
		return errFrame
	}
	return h.onStream(f)
}

func parseAck(r *reader, ranges []spans.Span) (ackFrame, error) {
	largest, delay, more, first := r.varint(), r.varint(), r.varint(), r.varint()
	if r.bad || first > largest || more > uint64(len(r.b)) {
		return ackFrame{ranges: ranges}, errFrame
	}
	ranges = append(ranges, spans.Span{Start: largest - first, End: largest + 1})
	for low := largest - first; more > 0; more-- {
		gap, length := r.varint(), r.varint()
		if r.bad || low < gap+2+length { // RFC 9000, section 19.3.1
			return ackFrame{ranges: ranges}, errFrame
		}
		high := low - gap - 2
		low = high - length
		ranges = append(ranges, spans.Span{Start: low, End: high + 1})
	}
	return ackFrame{time.Duration(min(delay, 1<<32)) * time.Microsecond, ranges}, nil
}
