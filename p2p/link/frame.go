package link

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"p2ptool/p2p/punch"
)

// The frame types; their layout is drawn in docs/protocol.md.
const (
	framePadding    = 0x00
	framePing       = 0x01
	framePong       = 0x02
	frameAck        = 0x03
	frameWindow     = 0x04
	frameReset      = 0x05
	frameStop       = 0x06
	frameCandidates = 0x07
	frameDatagram   = 0x08
	frameClose      = 0x09
	frameStream     = 0x10 // to 0x13, with:
	streamFin       = 0x01
	streamLen       = 0x02
)

const (
	pingSize  = 1 + 8
	pongSize  = 1 + 8 + punch.AddrSize
	maxRanges = 64  // of an ACK that we send
	maxReason = 200 // bytes of a CLOSE's reason that we send or keep
)

var errFrame = errors.New("malformed frame")

// A frameHandler is told what a packet carries, frame by frame. An error
// stops the parsing and means that the other side broke the protocol.
type frameHandler interface {
	onPing(id uint64)
	onPong(id uint64, seen netip.AddrPort)
	onAck(a ackFrame) error
	onWindow(stream, limit uint64) error
	onReset(stream, code uint64) error
	onStop(stream, code uint64) error
	onCandidates(cs []punch.Candidate)
	onDatagram(data []byte)
	onClose(code uint64, reason string)
	onStream(f streamFrame) error
}

// A streamFrame is a piece of a stream.
type streamFrame struct {
	id, offset uint64
	data       []byte
	fin        bool
}

// An ackFrame tells which packets arrived: spans in descending order.
type ackFrame struct {
	delay  time.Duration
	ranges []span
}

// parseFrames tells h all frames of a packet and reports whether one of them
// wants an acknowledgement. Ranges of an ACK are put into scratch.
func parseFrames(b []byte, h frameHandler, scratch *[]span) (ackEliciting bool, err error) {
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

func parseFrame(typ byte, r *reader, h frameHandler, scratch *[]span) error {
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
	case frameDatagram:
		if d := r.bytes(r.varint()); !r.bad {
			h.onDatagram(d)
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

func parseAck(r *reader, ranges []span) (ackFrame, error) {
	largest, delay, more, first := r.varint(), r.varint(), r.varint(), r.varint()
	if r.bad || first > largest || more > uint64(len(r.b)) {
		return ackFrame{ranges: ranges}, errFrame
	}
	ranges = append(ranges, span{largest - first, largest + 1})
	for low := largest - first; more > 0; more-- {
		gap, length := r.varint(), r.varint()
		if r.bad || low < gap+2+length { // RFC 9000, section 19.3.1
			return ackFrame{ranges: ranges}, errFrame
		}
		high := low - gap - 2
		low = high - length
		ranges = append(ranges, span{low, high + 1})
	}
	return ackFrame{time.Duration(min(delay, 1<<32)) * time.Microsecond, ranges}, nil
}

// appendAck appends an ACK of at most maxRanges spans of got, newest first,
// that is no longer than room bytes. It appends nothing where there is no room.
func appendAck(b []byte, got spans, delay time.Duration, room int) []byte {
	const head = 1 + 8 + 8 + 2 + 8
	if len(got) == 0 || room < head {
		return b
	}
	n := min(len(got), maxRanges, 1+(room-head)/16)
	last := got[len(got)-1]
	b = append(b, frameAck)
	b = appendVarint(b, last.end-1)
	b = appendVarint(b, uint64(max(delay, 0)/time.Microsecond))
	b = appendVarint(b, uint64(n-1))
	b = appendVarint(b, last.len()-1)
	for i := len(got) - 2; i >= len(got)-n; i-- {
		b = appendVarint(b, got[i+1].start-got[i].end-1)
		b = appendVarint(b, got[i].len()-1)
	}
	return b
}

func appendPing(b []byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, framePing), id)
}

func appendPong(b []byte, id uint64, seen netip.AddrPort) []byte {
	b = binary.BigEndian.AppendUint64(append(b, framePong), id)
	return punch.AppendAddr(b, seen)
}

func appendStreamControl(b []byte, typ byte, stream, v uint64) []byte {
	return appendVarint(appendVarint(append(b, typ), stream), v)
}

func appendClose(b []byte, code uint64, reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	b = appendVarint(append(b, frameClose), code)
	return append(appendVarint(b, uint64(len(reason))), reason...)
}
