package link

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/tunnel"
)

// A PathState says whether a path carries packets.
type PathState byte

const (
	Untested PathState = iota // no full-size check was answered yet
	Valid                     // a full-size check was answered
	Lost                      // it was valid, and no longer answers
)

// String returns a word for the state.
func (s PathState) String() string {
	return [...]string{Untested: "untested", Valid: "valid", Lost: "lost"}[min(s, Lost)]
}

// A PathReport is what is known of one way to the other side.
type PathReport struct {
	Kind  path.Kind
	Addr  netip.AddrPort // the other side's, or the server's where relayed
	State PathState
	InUse bool
	// Heard says that the other side's packets arrive by a path that is not
	// known to carry ours.
	Heard bool
	// Carries is the length of the largest packet, with the headers of IP and UDP, that is
	// known to get through from here; 0: of none is it known.
	Carries int
	// Limited says that packets much longer do not: where Carries is 0, none that has the
	// length that every path has to carry, although shorter ones are answered.
	Limited bool
	Pings   int           // sent so far
	RTT     time.Duration // the shortest round trip; 0: there was none
}

// A Survey is a link's paths, at one moment.
type Survey struct {
	Age   time.Duration // of the link
	Paths []PathReport  // the one in use first, then those that answer
	// Unsettled says that something which was written has not arrived, Blocked that the other
	// side takes no more of it for now, having not read what came before.
	Unsettled, Blocked bool
}

// Survey tells what ways there are to the other side, and what has become of
// them. The error is why the link has ended, or ctx's.
func (l *Link) Survey(ctx context.Context) (Survey, error) {
	out := make(chan Survey, 1)
	if !l.do(func() { out <- l.survey() }) {
		return Survey{}, l.Err()
	}
	select {
	case s := <-out:
		return s, nil
	case <-l.done:
		return Survey{}, l.Err()
	case <-ctx.Done():
		return Survey{}, context.Cause(ctx)
	}
}

func (l *Link) survey() Survey {
	s := Survey{Age: l.now.Sub(l.budget.began)}
	s.Unsettled, s.Blocked = l.streams.unsettled(), l.streams.blocked()
	for _, p := range l.paths {
		s.Paths = append(s.Paths, p.report(p == l.chosen))
	}
	slices.SortStableFunc(s.Paths, func(a, b PathReport) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.Addr.Compare(b.Addr))
	})
	return s
}

// rank orders paths: smaller is better.
func (r PathReport) rank() int {
	if r.InUse {
		return -1
	}
	return [...]int{Valid: 0, Lost: 1, Untested: 2}[r.State]
}

func (p *linkPath) report(inUse bool) PathReport {
	states := [...]PathState{candidate: Untested, valid: Valid, dead: Lost}
	r := PathReport{
		Kind: p.kind, Addr: tunnel.Unmark(p.route.Addr), State: states[p.state], InUse: inUse,
		Heard: p.state != valid && !p.pingedBack.IsZero(), Pings: p.pinged,
		Limited: p.limit > 0,
	}
	if p.state == valid {
		r.Carries = p.packet(p.mtu)
	} else if p.narrow {
		r.Limited = true
	}
	if p.loss.RTT.Sampled {
		r.RTT = p.loss.RTT.Min
	}
	return r
}
