package link

import (
	"bytes"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// SealCandidates returns a packet of the link that names the addresses at which this end can be
// reached. When no path is left, a third party that cannot read it forwards it to the peer
// (reintroduction). It returns nil if the link has ended.
func (l *Link) SealCandidates(cs []path.Candidate) []byte {
	out := make(chan []byte, 1)
	ok := l.do(func() {
		out <- bytes.Clone(l.small(nil, path.MinMTU, func(b []byte) []byte {
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

// OpenCandidates handles a packet that the peer's SealCandidates returned, and reports whether it
// was genuine and new. It waits for the link's loop.
func (l *Link) OpenCandidates(packet []byte) bool {
	out := make(chan bool, 1)
	ok := l.do(func() {
		n, plain, err := l.receiver.Open(bytes.Clone(packet))
		if err == nil {
			l.heard = l.now
			l.packetIn.from = flowOf(l.paths.NewPath(path.Route{Socket: nowhere{}}))
			l.packet(n, plain)
			l.sendProbes()
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

// nowhere is the socket of the path of such a packet, which is not answered.
type nowhere struct{ udp.Conn }

func (nowhere) Write(udp.Batch) error         { return nil }
func (nowhere) WriteTTL(udp.Batch, int) error { return nil }
