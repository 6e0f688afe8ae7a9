package path

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// A Report describes one path to the peer.
type Report struct {
	Kind  Kind
	Addr  netip.AddrPort // the peer's, or the server's if relayed
	State State
	InUse bool
	// Heard says that packets from the peer arrive on the path, but ours are not known to reach it.
	Heard bool
	// Carries is the size of the largest packet that is known to get through from here, with the headers
	// of IP and UDP; 0: none is.
	Carries int
	// Limited says that the path carries only unusually small packets. If Carries is 0, the peer answers
	// short packets, but not those of the size that every path must carry.
	Limited bool
	Pings   int           // sent so far
	RTT     time.Duration // the shortest; 0: not measured
}

// Reports describes all paths: first the one in use, then the valid, lost and untested ones.
func (m *Manager) Reports() []Report {
	var all []Report
	for _, p := range m.paths {
		all = append(all, p.report(p == m.best))
	}
	slices.SortStableFunc(all, func(a, b Report) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.Addr.Compare(b.Addr))
	})
	return all
}

// rank orders paths: smaller is better.
func (r Report) rank() int {
	if r.InUse {
		return -1
	}
	return [...]int{Valid: 0, Lost: 1, Untested: 2}[r.State]
}

func (p *Path) report(inUse bool) Report {
	r := Report{
		Kind: p.Kind, Addr: p.Route.Addr, State: p.State, InUse: inUse,
		Heard: p.State != Valid && !p.pingedBack.IsZero(), Pings: p.pinged,
		Limited: p.limit > 0,
	}
	if p.State == Valid {
		r.Carries = p.PacketSize(p.MTU)
	} else if p.narrow {
		r.Limited = true
	}
	if t := p.Flow.RTT(); t.Sampled {
		r.RTT = t.Min
	}
	return r
}
