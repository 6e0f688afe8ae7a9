package p2p

import (
	"context"
	"fmt"
	"slices"
	"time"

	"p2ptool/p2p/path"
)

// A Diagnosis explains why a link uses its path.
type Diagnosis struct {
	Kind PathKind
	// Why is a clause that says why the path is not direct, or what else is wrong with it; empty if nothing is.
	Why string
	// Remedy is a clause that says what would make the path direct; empty if nothing is known to.
	Remedy string
}

// String returns the diagnosis as one sentence.
func (d Diagnosis) String() string {
	head := map[PathKind]string{
		PathNone: "there is no path now", PathLAN: "direct, within the local network", PathDirect: "direct",
	}[d.Kind]
	if head == "" {
		head = "relayed"
	}
	if d.Why != "" {
		head += ": " + d.Why
	}
	if d.Remedy != "" {
		head += "; " + d.Remedy
	}
	return head
}

// settled is how long a link's candidates are probed frequently.
const settled = 5 * time.Second

const (
	openOneSide = "a UDP port opened or mapped to either side, or IPv6 on both, would make it direct"
	letUDPPass  = "letting UDP pass there may make it direct"

	dropInput = "a rule that drops unsolicited input on that router would make it direct: see docs/nat.md"

	letUDPPassHere = "letting UDP pass here may make it direct"

	raiseMTU = "an MTU of at least 576 bytes all the way, also in tunnels, would make it direct"
)

// Diagnose explains why the path in use at one end is not direct, and whether it carries small packets only. here is that
// end's view, there the other end's, of which only the NAT is required.
func Diagnose(here, there View) Diagnosis {
	d := notDirect(here, there)
	why := here.limit()
	if why == "" {
		why = there.limit()
	}
	if d.Why != "" && why != "" {
		why = "; " + why
	}
	d.Why += why
	return d
}

// limit describes the size limit of the path in use, or returns "" if it has none.
func (v View) limit() string {
	for _, p := range v.Paths {
		if p.InUse && p.State == StateValid && p.Limited {
			return Path{Kind: p.Kind, Limit: p.Carries}.Why()
		}
	}
	return ""
}

// tooNarrow returns a direct path that answers, but does not carry packets of 576 bytes.
func (v View) tooNarrow() (p PathReport, ok bool) {
	i := slices.IndexFunc(v.direct(), func(p PathReport) bool { return p.Limited && p.Carries == 0 })
	if i < 0 {
		return p, false
	}
	return v.direct()[i], true
}

func notDirect(here, there View) Diagnosis {
	d := Diagnosis{Kind: here.kind()}
	if d.Kind == PathLAN || d.Kind == PathDirect {
		return d
	}
	narrow, tooNarrow := here.tooNarrow()
	if !tooNarrow {
		narrow, tooNarrow = there.tooNarrow()
	}
	direct := here.direct()
	was := slices.IndexFunc(direct, func(p PathReport) bool { return p.State == StateLost })
	switch {
	case here.Require == RequireRelay:
		d.Why = "no other path is asked for here"
	case there.Require == RequireRelay:
		d.Why = "the peer asks for no other path"
	case d.Kind == PathTCPRelay:
		d.Why, d.Remedy = "UDP does not reach the server from here", letUDPPassHere
	case there.kind() == PathTCPRelay:
		d.Why, d.Remedy = "UDP does not reach the server from the peer", letUDPPass
	case tooNarrow:
		d.Why = fmt.Sprintf("the path to %s answers, but packets of 576 bytes do not get through", narrow.Addr)
		d.Remedy = raiseMTU
	case was >= 0:
		d.Why = fmt.Sprintf("%s answered before, and does not now", direct[was].Addr)
		d.Remedy = "it is used again once it answers"
	case len(direct) == 0:
		d.Why = "the peer has no address that can be tried from here"
		d.Remedy = "IPv4 on both sides, or IPv6 on both, would make it direct"
	case here.Age < settled:
		d.Why = "no address has answered so far"
		d.Remedy = "the peer's are still being tried"
	default:
		d.Why, d.Remedy = unanswered(here, there)
	}
	return d
}

// unanswered explains why none of the direct paths answers.
func unanswered(here, there View) (why, remedy string) {
	h, t := here.NAT, there.NAT
	switch {
	case here.behindOne():
		return "both are behind one NAT that does not lead its own addresses back, and their local addresses do not answer",
			"letting the two reach each other on the local network would make it direct"
	case h.Symmetric() && t.Symmetric():
		return "the NATs of both sides are symmetric", openOneSide
	case h.Symmetric() && t.Filtering == path.AddressAndPortDependent:
		return "the NAT here is symmetric, and the peer's filters by port", openOneSide
	case t.Symmetric() && h.Filtering == path.AddressAndPortDependent:
		return "the peer's NAT is symmetric, and the one here filters by port", openOneSide
	case here.heard():
		return "the peer's packets arrive here, but ours are not answered: a firewall at the peer drops them", letUDPPass
	case there.heard():
		return "packets from here arrive at the peer, but its answers do not: a firewall here drops them",
			letUDPPassHere
	case h.Bare && t.Bare:
		return "the NATs of both sides are Linux masquerades that take early packets for their own, and probably no router lies between them", dropInput
	case t.Bare && h.Filtering == path.AddressAndPortDependent:
		return "the peer's NAT is a Linux masquerade that takes early packets for its own", dropInput + " there"
	case h.Bare && t.Filtering == path.AddressAndPortDependent:
		return "the NAT here is a Linux masquerade that takes early packets for its own", dropInput + " here"
	case h.Known() && t.Known():
		return fmt.Sprintf("none of the peer's %d addresses answers, although the NATs would let a path through: a firewall drops UDP",
			len(here.direct())), "letting UDP pass may make it direct"
	}
	return fmt.Sprintf("none of the peer's %d addresses answers", len(here.direct())), openOneSide
}

// kind returns the kind of the path in use.
func (v View) kind() PathKind {
	for _, p := range v.Paths {
		if p.InUse && p.State == StateValid {
			return p.Kind
		}
	}
	return PathNone
}

// direct returns the paths that are not relayed.
func (v View) direct() (out []PathReport) {
	for _, p := range v.Paths {
		if p.Kind == PathLAN || p.Kind == PathDirect {
			out = append(out, p)
		}
	}
	return out
}

// heard reports whether packets arrive over a direct path that carries none from this end.
func (v View) heard() bool {
	return slices.ContainsFunc(v.direct(), func(p PathReport) bool { return p.Heard })
}

// behindOne reports whether the peer has the same external address as this end.
func (v View) behindOne() bool {
	for _, c := range v.Candidates {
		if c.Kind == path.ServerReflexive && slices.ContainsFunc(v.direct(), func(p PathReport) bool {
			return p.Addr.Addr() == c.Addr.Addr()
		}) {
			return true
		}
	}
	return false
}

// Diagnose is the function Diagnose with what this end knows, without a request to the other end. The error is the
// link's or ctx's.
func (l *Link) Diagnose(ctx context.Context) (Diagnosis, error) {
	v, err := l.View(ctx)
	return Diagnose(v, View{NAT: l.NAT()}), err
}
