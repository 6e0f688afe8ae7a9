package path

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"p2ptool/p2p/rtt"
)

// A Socket is a local socket. This package only compares it.
type Socket any

// A Route says how a datagram reaches the other end: from which socket, to which address, and on
// which relay channel if the address is a server's.
type Route struct {
	Socket  Socket
	Addr    netip.AddrPort
	Channel uint64 // 0: the address is the peer's
}

// A State says whether a path carries packets.
type State uint8

const (
	Untested State = iota // no full-size check was answered yet
	Valid                 // a full-size check was answered
	Lost                  // was valid, but no longer answers
)

// String returns "untested", "valid" or "lost".
func (s State) String() string {
	return [...]string{Untested: "untested", Valid: "valid", Lost: "lost"}[min(s, Lost)]
}

// A Flow is the link's state for a path: its round-trip time, packets in flight, and
// congestion control.
type Flow interface {
	// RTT returns the estimator, to which the Manager adds the samples of its checks.
	RTT() *rtt.Estimator
	// InFlight returns how many bytes are in flight.
	InFlight() int
	// Carried returns how many ack-eliciting packets have been sent so far.
	Carried() uint64
	// SetMTU sets the size of full datagrams.
	SetMTU(bytes int)
	// Abandon is called when packets in flight will no longer be acknowledged.
	Abandon()
}

const maxPings = 64 // waiting for answers; more than a path sends in a round trip

// A Path is a route and its state. docs/protocol.md has a diagram of the states. Only the Manager may
// write the fields, except those that say otherwise.
type Path struct {
	Route    Route
	Kind     Kind
	State    State
	MTU      int  // bytes of a full datagram
	Flow     Flow // the link's
	Overhead int  // bytes of a datagram that are not frames; set by Config.NewFlow

	stale   bool // the server is no longer reachable at this address
	refused bool // the relay's last word was that it does not know the channel
	named   bool // the peer says that this is an address of its own interface
	vouched bool // someone other than the peer says that it receives there
	round   bool // part of birthday probing, whose packets are counted separately

	narrow bool // short pings are answered, but not those of MinMTU bytes
	limit  int  // MTU, if it is known to be less than BaseMTU; otherwise 0
	search mtuSearch
	shrank time.Time // when Shrink was last called

	checks
}

// checks are the connectivity checks of a path.
type checks struct {
	schedule   Schedule  // of pings while not valid
	opener     bool      // send an opener first
	confirm    int       // pings to send soon after the path became valid
	nextPing   time.Time // while valid
	pings      []ping    // the newest
	pinged     int       // pings sent so far
	pingedBack time.Time // when we last pinged back in response to a ping
	proven     time.Time // when an answer last showed that our packets arrive
	misses     int       // pings sent since then
	missing    time.Time // when the first of them was sent
	lost       time.Time // when the path was last lost
}

type ping struct {
	id     uint64
	sent   time.Time
	full   bool                // it had MinMTU bytes
	answer func(time.Duration) // or nil
}

// Relayed reports whether the server forwards the packets.
func (p *Path) Relayed() bool { return p.Route.Channel != 0 }

// frames returns how many bytes of frames fit into a datagram of the given size.
func (p *Path) frames(datagram int) int { return datagram - p.Overhead }

// newPing records a ping and returns its id. Nobody can guess the id, so an answer proves that
// someone received the ping at the path's address.
func (p *Path) newPing(now time.Time, full bool, answer func(time.Duration)) uint64 {
	id := rand.Uint64()
	if q := (ping{id, now, full, answer}); len(p.pings) < maxPings {
		p.pings = append(p.pings, q)
	} else {
		p.pings[p.pinged%maxPings] = q
	}
	p.pinged++
	if p.misses++; p.misses == 1 {
		p.missing = now
	}
	return id
}

// answered returns how long the answer to a ping took, and whether the ping was full. ok is false if
// no ping with that id waits for an answer.
func (p *Path) answered(id uint64, now time.Time) (took time.Duration, full, ok bool) {
	for i := range p.pings {
		q := &p.pings[i]
		if q.sent.IsZero() || q.id != id {
			continue
		}
		took = now.Sub(q.sent)
		if q.answer != nil {
			q.answer(took)
		}
		full = q.full
		*q = ping{}
		return took, full, true
	}
	return 0, false, false
}

func (p *Path) prove(now time.Time) { p.proven, p.misses = now, 0 }

// quality returns the quality by which paths are chosen. It uses the shortest round-trip time. The
// current one includes the queue that we cause on the path in use, so an idle path through the same
// bottleneck would look better.
func (p *Path) quality() Quality {
	r := p.Flow.RTT()
	q := Quality{Kind: p.Kind, Addr: p.Route.Addr.Addr(), RTT: r.Estimate()}
	if r.Sampled {
		q.RTT = r.Min
	}
	return q
}

// hope ranks paths that do not answer by how likely they are to answer later. Lowest is a path that
// never answered and has no more probes scheduled. Highest is the relay.
func (p *Path) hope() int {
	_, due := p.schedule.Due()
	switch {
	case p.State == Untested && !due:
		return 0
	case p.Relayed():
		return 3
	case p.State == Lost:
		return 1
	}
	return 2
}

// usable reports whether a path may replace another one.
func (p *Path) usable() bool { return p.State == Valid && !p.stale && !p.refused }

// seenAs sets the kind of a path to LAN if no NAT translates either end's address on it. own is this
// end's address as the peer sees it.
func (m *Manager) seenAs(p *Path, own netip.Addr) {
	if p.Kind == Direct && p.named && Local(p.Route.Addr.Addr()) && m.cfg.Own(own) {
		p.Kind = LAN
	}
}
