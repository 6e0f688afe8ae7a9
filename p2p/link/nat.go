package link

import "p2ptool/p2p/punch"

// An announcement is what the other side is told of our NAT, so that it finds
// our sockets behind it. The newest counts; a lost one is sent again.
type announcement struct {
	nat      punch.NAT
	natDue   bool
	ports    punch.Ports
	portsDue bool
}

// SetNAT tells the other side how our NAT maps and filters.
func (l *Link) SetNAT(n punch.NAT) {
	l.do(func() {
		l.announced.nat, l.announced.natDue = n, l.cfg.NATs
	})
}

// Announce tells the other side among which ports of our address, as the server
// saw it, sockets wait for its probes.
func (l *Link) Announce(p punch.Ports) {
	l.do(func() {
		l.announced.ports, l.announced.portsDue = p, l.cfg.NATs
	})
}

func (a *announcement) due() bool { return a.natDue || a.portsDue }

// append appends frames of at most room bytes, and notes them in rec.
func (a *announcement) append(b []byte, room int, rec *sentPacket) []byte {
	if room < 2+punch.NATSize+2+punch.PortsSize {
		return b
	}
	if a.natDue {
		a.natDue = false
		rec.record(sentFrame{kind: sentNAT})
		b = appendNAT(b, a.nat)
	}
	if a.portsDue {
		a.portsDue = false
		rec.record(sentFrame{kind: sentPorts})
		b = appendOpened(b, a.ports)
	}
	return b
}

// lose takes the loss of a frame.
func (a *announcement) lose(k frameKind) {
	a.natDue = a.natDue || k == sentNAT
	a.portsDue = a.portsDue || k == sentPorts
}

// Both frames have a length, and may grow.
func appendNAT(b []byte, n punch.NAT) []byte {
	return n.Append(append(b, frameNAT, punch.NATSize))
}

func appendOpened(b []byte, p punch.Ports) []byte {
	return p.Append(append(b, frameOpened, punch.PortsSize))
}

func parseNAT(r *reader, h frameHandler) error {
	n, _, err := punch.ParseNAT(r.bytes(uint64(r.byte())))
	if err != nil {
		return errFrame
	}
	h.onNAT(n)
	return nil
}

func parseOpened(r *reader, h frameHandler) error {
	p, _, err := punch.ParsePorts(r.bytes(uint64(r.byte())))
	if err != nil {
		return errFrame
	}
	h.onOpened(p)
	return nil
}

// onNAT and onOpened take the frames (frameHandler).
func (l *Link) onNAT(n punch.NAT) {
	if l.cfg.OnNAT != nil {
		l.cfg.OnNAT(n)
	}
}

func (l *Link) onOpened(p punch.Ports) {
	if l.cfg.OnOpened != nil {
		l.cfg.OnOpened(p)
	}
}
