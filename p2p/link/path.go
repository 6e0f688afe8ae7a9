package link

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// A Route is how a datagram gets to the other side: out of a socket to an
// address, and by a channel of the relay if that address is a server's.
type Route struct {
	Conn    udp.Conn
	Addr    netip.AddrPort
	Channel uint64 // 0: the address is the peer's
}

const (
	typeData  = 8 // first byte of a packet
	typeRelay = 9 // and of one that goes by the relay
	relayHead = 1 + 8
)

const maxPings = 64 // that wait for their answers: what is sent in any round trip

type pathState uint8

const (
	candidate pathState = iota // never answered
	valid                      // answers
	dead                       // answered once, does not now
)

// A path is a route, and what is known of it. See the states in
// docs/protocol.md.
type linkPath struct {
	route   Route
	header  []byte // stands before each packet
	kind    path.Kind
	state   pathState
	stale   bool // the server is not reached here any more
	refused bool // the server does not know the relay's channel, as far as it is known
	named   bool // the other side says this is an address of its own interface
	vouched bool // not only the other side says that it receives there
	round   bool // part of a round of many sockets or probes, which are counted by themselves
	mtu     int  // bytes of a full datagram
	limit   int  // the same, where it was found to be less than baseMTU; 0: it was not
	narrow  bool // short pings are answered, but none of minMTU is
	search  mtuSearch
	shrank  time.Time // when large datagrams were last found not to get through

	schedule   path.Schedule // of pings while not valid
	opener     bool          // an opener is to be sent first
	confirm    int           // pings to send soon after the path became valid
	nextPing   time.Time     // while valid
	pings      []ping        // the newest
	pingedBack time.Time     // when a ping was last sent for one that came
	pinged     int
	proven     time.Time // when an answer last showed that our packets arrive
	misses     int       // pings since
	missing    time.Time // when the first of them was sent
	died       time.Time

	loss   recovery.Path
	traced tracedPath
}

type ping struct {
	id     uint64
	sent   time.Time
	full   bool                // it had minMTU bytes
	answer func(time.Duration) // or nil
}

func newLinkPath(r Route, now time.Time) *linkPath {
	p := &linkPath{route: r, kind: path.Direct, mtu: minMTU}
	if a := r.Addr.Addr(); a.IsLoopback() || a.Is6() && a.IsLinkLocalUnicast() { // no router passes those on
		p.kind = path.LAN
	}
	if r.Channel != 0 {
		p.kind = path.Relay
		if tunnel.Marked(r.Addr.Addr()) {
			p.kind = path.TCPRelay
		}
		p.header = binary.BigEndian.AppendUint64([]byte{typeRelay}, r.Channel)
	}
	p.loss = recovery.NewPath(now, p.mtu)
	return p
}

func (p *linkPath) relayed() bool { return p.route.Channel != 0 }

// room returns how many bytes of frames a packet on the path holds.
func (p *linkPath) room() int { return p.mtu - len(p.header) - noise.Overhead }

// floor is the same of one of minMTU.
func (p *linkPath) floor() int { return minMTU - len(p.header) - noise.Overhead }

// newPing remembers a ping and returns its id. The id cannot be guessed: the
// answer proves that the ping was received at the path's address.
func (p *linkPath) newPing(now time.Time, full bool, answer func(time.Duration)) uint64 {
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

// answered takes the answer to a ping, and tells whether that was a full one; ok is false for
// one that is not known.
func (p *linkPath) answered(id uint64, now time.Time) (took time.Duration, full, ok bool) {
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

func (p *linkPath) prove(now time.Time) {
	p.proven, p.misses = now, 0
}

// quality is what paths are chosen by. It goes by the shortest round trip seen:
// the present one of a path in use has the queue in it that we make, and an
// idle one through the same bottleneck would look better.
func (p *linkPath) quality() path.Quality {
	q := path.Quality{Kind: p.kind, Addr: p.route.Addr.Addr(), RTT: p.loss.RTT.Estimate()}
	if p.loss.RTT.Sampled {
		q.RTT = p.loss.RTT.Min
	}
	return q
}

// hope ranks paths that do not answer by how likely they will: least one that
// never did and is not probed any more, most the relay.
func (p *linkPath) hope() int {
	_, due := p.schedule.Due()
	switch {
	case p.state == candidate && !due:
		return 0
	case p.relayed():
		return 3
	case p.state == dead:
		return 1
	}
	return 2
}
