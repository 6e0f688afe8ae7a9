package link

import (
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// An announcement is what the other side is told of our NAT, so that it finds
// our sockets behind it. The newest counts; a lost one is sent again.
type announcement struct {
	nat      path.NAT
	natDue   bool
	ports    path.Ports
	portsDue bool
}

// SetNAT tells the other side how our NAT maps and filters.
func (l *Link) SetNAT(n path.NAT) {
	l.do(func() {
		l.announced.nat, l.announced.natDue = n, l.cfg.NATs
	})
}

// Announce tells the other side among which ports of our address, as the server
// saw it, sockets wait for its probes.
func (l *Link) Announce(p path.Ports) {
	l.do(func() {
		l.announced.ports, l.announced.portsDue = p, l.cfg.NATs
	})
}

func (a *announcement) due() bool { return a.natDue || a.portsDue }

// append appends frames of at most room bytes, and notes them in rec.
func (a *announcement) append(b []byte, room int, rec *recovery.Packet) []byte {
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

// lose takes the loss of a frame.
func (a *announcement) lose(k recovery.FrameKind) {
	a.natDue = a.natDue || k == recovery.NAT
	a.portsDue = a.portsDue || k == recovery.Ports
}

// OnNAT and OnOpened take the frames.
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
