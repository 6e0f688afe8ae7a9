package recovery

import (
	"p2ptool/p2p/link/congestion"
	"p2ptool/p2p/link/spans"
)

// A State is what became of a packet.
type State uint8

const (
	Settled  State = iota // acknowledged
	InFlight              // not acknowledged yet
	Lost                  // declared lost; kept for a while, to notice a spurious loss
)

// A FrameKind is what a Frame recorded.
type FrameKind uint8

const (
	Datagram FrameKind = iota // is not sent again
	Data                      // STREAM
	Window
	Reset
	Stop
	Candidates
	NAT
	Ports  // OPENED
	Filler // is not sent again
)

// OfStream reports whether frames of the kind belong to a stream.
func (k FrameKind) OfStream() bool { return k >= Data && k <= Stop }

// A Frame records what has to be sent again if its packet is lost.
type Frame struct {
	Kind   FrameKind
	Fin    bool
	Stream uint64     // if the kind is OfStream
	Data   spans.Span // if the kind is Data; Fin says that the stream ends there
}

// A Packet is the record of an ack-eliciting packet.
type Packet struct {
	congestion.Sent
	Number   uint64
	Path     *Path
	seq      uint64 // its number among the packets of its path
	AllBelow uint64 // its own ACK covered all numbers below this one
	skip     uint64 // once settled: every place before this one is settled too
	State    State

	Count uint8 // of frames
	few   [2]Frame
	more  []Frame // those that few does not hold
}

// Record adds a frame. The packet must not be Full.
func (p *Packet) Record(f Frame) {
	if int(p.Count) < len(p.few) {
		p.few[p.Count] = f
	} else {
		p.more = append(p.more, f)
	}
	p.Count++
}

// Full reports whether no more frames can be recorded.
func (p *Packet) Full() bool { return p.Count == maxFrames }

// Frame returns the i-th frame, i < Count.
func (p *Packet) Frame(i int) Frame {
	if i < len(p.few) {
		return p.few[i]
	}
	return p.more[i-len(p.few)]
}

const maxFrames = 200 // recorded of one packet
