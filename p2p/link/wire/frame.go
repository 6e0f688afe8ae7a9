package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/path"
)

// The frame types. The package comment draws their fields.
const (
	FramePadding    = 0x00
	FramePing       = 0x01
	FramePong       = 0x02
	FrameAck        = 0x03
	FrameWindow     = 0x04
	FrameReset      = 0x05
	FrameStop       = 0x06
	FrameCandidates = 0x07
	FrameDatagram   = 0x08
	FrameClose      = 0x09
	FrameNAT        = 0x0a
	FrameOpened     = 0x0b
	FramePiece      = 0x0e
	FrameStream     = 0x10 // to 0x13, with:
	streamFin       = 0x01
	streamLen       = 0x02
)

const (
	maxRanges = 64  // in an ACK that we send
	maxReason = 200 // bytes of a reason that we send, or pass on
)

// The lengths of a PING and a PONG.
const (
	PingSize = path.PingSize
	PongSize = path.PongSize
)

var ErrMalformed = errors.New("malformed frame")

// A Handler receives the frames of a packet, in order. Data and ranges are valid during the
// call only. An error stops the parsing and is what Parse returns.
type Handler interface {
	OnPing(id uint64)
	OnPong(id uint64, seen netip.AddrPort)
	OnAck(a Ack) error
	OnWindow(stream, limit uint64) error
	OnReset(stream, code uint64) error
	OnStop(stream, code uint64) error
	OnCandidates(cs []path.Candidate)
	OnNAT(n path.NAT)
	OnOpened(p path.Ports)
	OnDatagram(data []byte)
	OnPiece(p Piece)
	OnClose(code uint64, reason string)
	OnStream(f Stream) error
}

// A Stream is a STREAM frame: part of a stream, from Offset.
type Stream struct {
	ID, Offset uint64
	Data       []byte
	Fin        bool
}

// An Ack says which packets arrived: at least one span, in descending order, and how long the
// newest waited for its acknowledgement.
type Ack struct {
	Delay  time.Duration
	Ranges []spans.Span
}

// A Piece is part of a datagram that does not fit into one packet.
type Piece struct {
	ID     uint64 // the same in all of its pieces
	Offset uint64
	Size   uint64 // bytes of the datagram
	Data   []byte
}

// AppendAck appends an ACK of at most room bytes with the newest spans of got, at most
// maxRanges, and returns how many spans it holds: 0 if there is no room.
func AppendAck(b []byte, got spans.Set, delay time.Duration, room int) (out []byte, ranges int) {
	const head = 1 + 8 + 8 + 2 + 8
	if len(got) == 0 || room < head {
		return b, 0
	}
	n := min(len(got), maxRanges, 1+(room-head)/16)
	last := got[len(got)-1]
	b = append(b, FrameAck)
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

// AppendPing appends a PING.
func AppendPing(b []byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, FramePing), id)
}

// AppendPaddedPing appends a PING and as much PADDING that both together are as long as a PONG and a PING,
// the answer where the path is not valid at the other end either.
func AppendPaddedPing(b []byte, id uint64) []byte {
	return append(AppendPing(b, id), make([]byte, PongSize)...)
}

// AppendPong appends a PONG with the address from which the PING came.
func AppendPong(b []byte, id uint64, seen netip.AddrPort) []byte {
	b = binary.BigEndian.AppendUint64(append(b, FramePong), id)
	return path.AppendAddr(b, seen)
}

// StreamControlSize is the most bytes that a WINDOW, RESET or STOP of a stream has.
func StreamControlSize(stream uint64) int { return 1 + sizeVarint(stream) + 8 }

// AppendStreamControl appends a WINDOW, RESET or STOP, whose last field is v.
func AppendStreamControl(b []byte, typ byte, stream, v uint64) []byte {
	return appendVarint(appendVarint(append(b, typ), stream), v)
}

// AppendStreamHead appends what stands before the data of a STREAM frame.
func AppendStreamHead(b []byte, stream uint64, piece spans.Span, fin bool) []byte {
	typ := byte(FrameStream | streamLen)
	if fin {
		typ |= streamFin
	}
	b = appendVarint(append(b, typ), stream)
	return appendVarint(appendVarint(b, piece.Start), piece.Len())
}

// StreamHeadSize is the most bytes that stand before the data of a STREAM frame of at most room
// bytes.
func StreamHeadSize(id, offset uint64, room int) int {
	return 1 + sizeVarint(id) + sizeVarint(offset) + sizeVarint(uint64(room))
}

// AppendClose appends a CLOSE with at most the first 200 bytes of the reason.
func AppendClose(b []byte, code uint64, reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	b = appendVarint(append(b, FrameClose), code)
	return append(appendVarint(b, uint64(len(reason))), reason...)
}

// AppendCandidates appends a CANDIDATES.
func AppendCandidates(b []byte, cs []path.Candidate) []byte {
	return path.AppendCandidates(append(b, FrameCandidates), cs)
}

// AppendNAT appends a NAT. Like OPENED it has a length, so that later versions can add fields.
func AppendNAT(b []byte, n path.NAT) []byte {
	return n.Append(append(b, FrameNAT, path.NATSize))
}

// AppendOpened appends an OPENED.
func AppendOpened(b []byte, p path.Ports) []byte {
	return p.Append(append(b, FrameOpened, path.PortsSize))
}

// AppendDatagram appends a DATAGRAM.
func AppendDatagram(b, data []byte) []byte {
	b = appendVarint(append(b, FrameDatagram), uint64(len(data)))
	return append(b, data...)
}

// DatagramSize returns how many bytes AppendDatagram appends for n bytes of data.
func DatagramSize(n int) int { return 1 + sizeVarint(uint64(n)) + n }

// AppendPiece appends a PIECE.
func AppendPiece(b []byte, p Piece) []byte {
	b = append(b, FramePiece)
	for _, v := range [...]uint64{p.ID, p.Offset, p.Size, uint64(len(p.Data))} {
		b = appendVarint(b, v)
	}
	return append(b, p.Data...)
}

// PieceHeadSize is the most bytes that stand before the data of a PIECE of a datagram with
// that number and size.
func PieceHeadSize(id uint64, whole int) int {
	return 1 + sizeVarint(id) + 3*sizeVarint(uint64(whole))
}
