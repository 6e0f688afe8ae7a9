package link

import (
	"slices"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// An announcement is what this end announces to the peer: its addresses, its NAT, and the ports
// at which its sockets wait. Only the newest of each counts, and is sent again if it is lost.
type announcement struct {
	candidates    []path.Candidate
	candidatesDue bool
	nat           path.NAT
	natDue        bool
	ports         path.Ports
	portsDue      bool
}

// SetCandidates sends the peer the addresses at which this end can be reached from now on.
func (l *Link) SetCandidates(cs []path.Candidate) {
	cs = slices.Clone(cs)
	l.do(func() { l.announced.candidates, l.announced.candidatesDue = cs, true })
}

// SetNAT sends the peer how this end's NAT maps and filters.
func (l *Link) SetNAT(n path.NAT) {
	l.do(func() {
		l.announced.nat, l.announced.natDue = n, l.cfg.NATs
	})
}

// Announce sends the peer a range of ports of this end's address, as the server saw it, among
// which sockets wait for the peer's probes.
func (l *Link) Announce(p path.Ports) {
	l.do(func() {
		l.announced.ports, l.announced.portsDue = p, l.cfg.NATs
	})
}

func (a *announcement) due() bool { return a.candidatesDue || a.natDue || a.portsDue }

// candidatesRoom is the size of the longest CANDIDATES, in bytes.
const candidatesRoom = 2 + path.MaxCandidates*(1+path.AddrSize)

// append appends the frames that are due, at most room bytes, and records them in rec.
func (a *announcement) append(b []byte, room int, rec *recovery.Packet) []byte {
	if before := len(b); a.candidatesDue && room >= candidatesRoom {
		a.candidatesDue = false
		rec.Record(recovery.Frame{Kind: recovery.Candidates})
		b = wire.AppendCandidates(b, a.candidates)
		room -= len(b) - before
	}
	if room < 2+path.NATSize+2+path.PortsSize {
		return b
	}
	if a.natDue {
		a.natDue = false
		rec.Record(recovery.Frame{Kind: recovery.NAT})
		b = wire.AppendNAT(b, a.nat)
	}
	if a.portsDue {
		a.portsDue = false
		rec.Record(recovery.Frame{Kind: recovery.Ports})
		b = wire.AppendOpened(b, a.ports)
	}
	return b
}

// lose handles the loss of a frame.
func (a *announcement) lose(k recovery.FrameKind) {
	a.candidatesDue = a.candidatesDue || k == recovery.Candidates
	a.natDue = a.natDue || k == recovery.NAT
	a.portsDue = a.portsDue || k == recovery.Ports
}

// appendFiller appends a frame without effect that makes the packet ack-eliciting.
func appendFiller(b []byte, rec *recovery.Packet) []byte {
	rec.Record(recovery.Frame{Kind: recovery.Filler})
	return wire.AppendCandidates(b, nil)
}

// OnCandidates handles a CANDIDATES.
func (l packetHandler) OnCandidates(cs []path.Candidate) { l.paths.Named(l.now, cs) }

// OnNAT and OnOpened pass NAT and OPENED to the owner of the link.
func (l packetHandler) OnNAT(n path.NAT) {
	if l.cfg.OnNAT != nil {
		l.cfg.OnNAT(n)
	}
}

func (l packetHandler) OnOpened(p path.Ports) {
	if l.cfg.OnOpened != nil {
		l.cfg.OnOpened(p)
	}
}
