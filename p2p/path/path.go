package path

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"p2ptool/p2p/rtt"
)

// A Socket is a local socket. This package only compares it.
type Socket any

// A Route is how a datagram reaches the other end: from a socket to an address, and by a channel of
// the relay if the address is a server's.
type Route struct {
	Socket  Socket
	Addr    netip.AddrPort
	Channel uint64 // 0: the address is the peer's
}

// A State says whether a path carries packets.
type State uint8

const (
	Untested State = iota // a full-size check was never answered
	Valid                 // one was
	Lost                  // was valid, and does not answer any more
)

// String returns "untested", "valid" or "lost".
func (s State) String() string {
	return [...]string{Untested: "untested", Valid: "valid", Lost: "lost"}[min(s, Lost)]
}

// A Flow is what the link keeps of a path: its round-trip time, packets in flight, and
// congestion control.
type Flow interface {
	// RTT returns the estimator, to which the Manager adds the samples of its checks.
	RTT() *rtt.Estimator
	// InFlight returns how many bytes are in flight.
	InFlight() int
	// Carried returns how many ack-eliciting packets were sent so far.
	Carried() uint64
	// SetMTU is called with the size that full datagrams have from now on.
	SetMTU(bytes int)
	// Abandon is called when nobody will acknowledge what is in flight any more.
	Abandon()
}

const maxPings = 64 // that wait for their answers: what is sent in any round trip

// A Path is a route and what is known of it. docs/protocol.md draws how its states follow each other.
// What others than the Manager may write says so.
type Path struct {
	Route    Route
	Kind     Kind
	State    State
	MTU      int  // bytes of a full datagram
	Flow     Flow // the link's
	Overhead int  // bytes of a datagram that are not frames; set by Config.NewFlow

	stale   bool // the server is not reached here any more
	refused bool // the relay did not know the channel when last heard of
	named   bool // the peer says that this is an address of its own interface
	vouched bool // not only the peer says that it receives there
	round   bool // part of birthday probing, whose packets are counted by themselves

	narrow bool // short pings are answered, but none of MinMTU is
	limit  int  // MTU, if it was found to be less than BaseMTU; 0: it was not
	search mtuSearch
	shrank time.Time // when large datagrams were last found not to get through

	checks
}

// checks are the connectivity checks of a path.
type checks struct {
	schedule   Schedule  // of pings while not valid
	opener     bool      // an opener is to be sent first
	confirm    int       // pings to send soon after the path became valid
	nextPing   time.Time // while valid
	pings      []ping    // the newest
	pinged     int
	pingedBack time.Time // when a ping was last sent in return for one
	proven     time.Time // when an answer last showed that our packets arrive
	misses     int       // pings since
	missing    time.Time // when the first of them was sent
	lost       time.Time // when the path was last lost
}

type ping struct {
	id     uint64
	sent   time.Time
	full   bool                // it had MinMTU bytes
	answer func(time.Duration) // or nil
}

// Relayed reports whether packets go by way of the server.
func (p *Path) Relayed() bool { return p.Route.Channel != 0 }

// frames returns how many bytes of frames a datagram of that size holds.
func (p *Path) frames(datagram int) int { return datagram - p.Overhead }

// newPing remembers a ping and returns its id, which cannot be guessed: the answer proves that the
// ping was received at the path's address.
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

// answered returns how long the answer to a ping took, and whether that was a full one. ok is false
// if no such ping waits for an answer.
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

// quality is what paths are chosen by. It uses the shortest round trip: the current one of a path in
// use contains the queue that we make, and an idle path through the same bottleneck would look
// better.
func (p *Path) quality() Quality {
	r := p.Flow.RTT()
	q := Quality{Kind: p.Kind, Addr: p.Route.Addr.Addr(), RTT: r.Estimate()}
	if r.Sampled {
		q.RTT = r.Min
	}
	return q
}

// hope ranks paths that do not answer by how likely they are to: least one that never did and is not
// probed any more, most the relay.
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

// usable reports whether a path may be chosen while there is another.
func (p *Path) usable() bool { return p.State == Valid && !p.stale && !p.refused }

// seenAs makes a path one of the local network if neither end's address is translated on it.
func (m *Manager) seenAs(p *Path, own netip.Addr) {
	if p.Kind == Direct && p.named && Local(p.Route.Addr.Addr()) && m.cfg.Own(own) {
		p.Kind = LAN
	}
}
