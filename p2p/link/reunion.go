package link

import (
	"bytes"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// Letter returns a packet of the link that tells where we may be reached, to
// be carried to the other side by somebody who cannot read it, when no path is
// left. It returns nil if the link has ended.
func (l *Link) Letter(cs []path.Candidate) []byte {
	out := make(chan []byte, 1)
	ok := l.do(func() {
		out <- bytes.Clone(l.small(newLinkPath(Route{}, l.now), func(b []byte) []byte {
			return wire.AppendCandidates(b, cs)
		}))
	})
	if !ok {
		return nil
	}
	select {
	case b := <-out:
		return b
	case <-l.done:
		return nil
	}
}

// ReadLetter takes a packet that somebody carried here and reports whether it
// came from the other side, not before. It waits for the link's loop.
func (l *Link) ReadLetter(packet []byte) bool {
	out := make(chan bool, 1)
	ok := l.do(func() {
		n, plain, err := l.receiver.Open(bytes.Clone(packet))
		if err == nil {
			l.heard = l.now
			l.from = newLinkPath(Route{Conn: nowhere{}}, l.now)
			l.packet(n, plain)
		}
		out <- err == nil
	})
	if !ok {
		return false
	}
	select {
	case ok := <-out:
		return ok
	case <-l.done:
		return false
	}
}

// nowhere is the socket of a letter's path: a letter is not answered.
type nowhere struct{ udp.Conn }

func (nowhere) Write(udp.Batch) error         { return nil }
func (nowhere) WriteTTL(udp.Batch, int) error { return nil }
