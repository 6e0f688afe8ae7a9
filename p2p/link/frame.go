package link

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"p2ptool/p2p/link/spans"
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
	frameNAT        = 0x0a
	frameOpened     = 0x0b
	framePiece      = 0x0e
	frameStream     = 0x10 // to 0x13, with:
	streamFin       = 0x01
	streamLen       = 0x02
)

const (
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
	onNAT(n punch.NAT)
	onOpened(p punch.Ports)
	onDatagram(data []byte)
	onPiece(p piece)
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
	ranges []spans.Span
}

// appendAck appends an ACK of at most maxRanges spans of got, newest first,
// that is no longer than room bytes, and returns how many spans it tells: none
// where there is no room.
func appendAck(b []byte, got spans.Set, delay time.Duration, room int) (out []byte, told int) {
	const head = 1 + 8 + 8 + 2 + 8
	if len(got) == 0 || room < head {
		return b, 0
	}
	n := min(len(got), maxRanges, 1+(room-head)/16)
	last := got[len(got)-1]
	b = append(b, frameAck)
	b = appendVarint(b, last.End-1)
	b = appendVarint(b, uint64(max(delay, 0)/time.Microsecond))
	b = appendVarint(b, uint64(n-1))
	b = appendVarint(b, last.Len()-1)
	for i := len(got) - 2; i >= len(got)-n; i-- {
		b = appendVarint(b, got[i+1].Start-got[i].End-1)
		b = appendVarint(b, got[i].Len()-1)
	}
	return b, n
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

// appendStreamHead appends what stands before the data of a STREAM frame.
func appendStreamHead(b []byte, stream uint64, piece spans.Span, fin bool) []byte {
	typ := byte(frameStream | streamLen)
	if fin {
		typ |= streamFin
	}
	b = appendVarint(append(b, typ), stream)
	return appendVarint(appendVarint(b, piece.Start), piece.Len())
}

// appendClose appends a CLOSE with as much of the reason as it may have.
func appendClose(b []byte, code uint64, reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	b = appendVarint(append(b, frameClose), code)
	return append(appendVarint(b, uint64(len(reason))), reason...)
}
