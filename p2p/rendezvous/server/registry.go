package server

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/limit"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
)

// The states of a session at the server.
const (
	stateFree     = iota
	stateReserved // during the handshake
	statePending  // RESPONSE was sent, but no packet of the session was received yet
	stateConfirmed
)

// A session is the server's record of a peer's process. It has a fixed size and, except
// for the name, no pointers.
type session struct {
	crypto   noise.Compact
	key      [identity.KeySize]byte
	guid     identity.GUID
	at       rendezvous.Endpoint // where it has proven that it receives
	instance uint64
	name     string
	heard    time.Duration // when a packet of it was last opened
	since    time.Duration // when it was confirmed
	called   time.Duration // when it was first called after its last packet; 0: it was not
	requests limit.Pace
	index    uint32 // here
	remote   uint32 // there
	next     uint32 // slot+1 of the next session of the GUID, or the next free slot
	listed   uint32 // position+1 in the list; 0: not in it
	takes    uint32 // as registered
	interval uint16 // seconds between keepalives, as sent to the peer
	state    byte
	flags    byte // as registered; but flagStandby for flagListening while another one listens
	version  byte
}

const (
	slotBits  = 22
	slotMask  = 1<<slotBits - 1
	slotLimit = 1 << slotBits
	chunkSize = 1 << 10

	maxPending = 1 << 16 // sessions without their first packet yet

	// maxProcesses bounds the sessions of one GUID. Twenty simultaneous commands are not
	// unusual, and sessions of killed ones remain for a while.
	maxProcesses = 256

	// silentAfter is how long a process may leave a call unanswered before calls go to
	// another one. It is a little less than callers wait before they look up the peer again.
	silentAfter = 1800 * time.Millisecond
)

func (s *session) slot() uint32    { return s.index & slotMask }
func (s *session) listening() bool { return s.flags&rendezvous.FlagListening != 0 }
func (s *session) standby() bool   { return s.flags&rendezvous.FlagStandby != 0 }

// A registry holds the sessions, by index and by GUID. It grows by chunks, so sessions
// never move in memory. It is not safe for concurrent use.
type registry struct {
	chunks    []*[chunkSize]session
	free      uint32 // slot+1 of the first free slot; 0: none
	byGUID    map[identity.GUID]uint32
	list      []uint32 // slots of those that are listed: of a GUID, the one that gets its calls
	sources   *limit.Counts
	confirmed int
	pending   []uint32 // indexes in the order of creation; some are stale
	swept     int      // slot at which the next sweep continues

	maxSessions   int
	maxPerSource  int
	maxUnanswered int // pending sessions
	sessions      int
}

func newRegistry(maxSessions, maxPerSource int) *registry {
	return &registry{
		byGUID: make(map[identity.GUID]uint32), sources: limit.NewCounts(),
		maxSessions: min(maxSessions, slotLimit), maxPerSource: maxPerSource, maxUnanswered: maxPending,
	}
}

func (r *registry) at(slot uint32) *session { return &r.chunks[slot/chunkSize][slot%chunkSize] }

// get returns the session of an index, or nil.
func (r *registry) get(index uint32) *session {
	slot := index & slotMask
	if int(slot) >= len(r.chunks)*chunkSize {
		return nil
	}
	if s := r.at(slot); s.state != stateFree && s.index == index {
		return s
	}
	return nil
}

// add reserves a session for the peer at an address. It returns nil if there are
// too many.
func (r *registry) add(now time.Duration, from netip.AddrPort) *session {
	if r.sessions >= r.maxSessions || r.sources.Count(from.Addr()) >= r.maxPerSource {
		return nil
	}
	if r.free == 0 {
		r.grow()
	}
	slot := r.free - 1
	s := r.at(slot)
	r.free = s.next
	// The bits above the slot are random, so an index from before a restart is
	// unlikely to be that of another peer's session.
	*s = session{index: rand.Uint32()<<slotBits | slot, state: stateReserved, heard: now, at: rendezvous.EndpointOf(from)}
	r.sessions++
	r.sources.Add(from.Addr(), 1)
	r.pending = append(r.pending, s.index)
	return s
}

func (r *registry) grow() {
	first := uint32(len(r.chunks) * chunkSize)
	c := new([chunkSize]session)
	r.chunks = append(r.chunks, c)
	for i := range c {
		c[i].next = first + uint32(i) + 2
	}
	c[chunkSize-1].next = 0
	r.free = first + 1
}

// excessPending returns the oldest pending session if there are too many, else nil.
func (r *registry) excessPending() *session {
	for len(r.pending) > 0 {
		s := r.get(r.pending[0])
		if s != nil && s.state != stateConfirmed && len(r.pending) <= r.maxUnanswered {
			return nil
		}
		r.pending = r.pending[1:]
		if s != nil && s.state != stateConfirmed {
			return s
		}
	}
	return nil
}

// confirm makes a pending session the newest of its GUID. It returns the session that it
// displaces, which is of the same process or exceeds maxProcesses, and the listener that it
// replaces, if any. The caller removes the displaced one.
func (r *registry) confirm(now time.Duration, s *session) (displaced, replaced *session) {
	n := 0
	var quietest *session
	for o := r.first(s.guid); o != nil; o = r.after(o) {
		n++
		if o.instance == s.instance {
			displaced = o
		}
		if quietest == nil || o.heard <= quietest.heard {
			quietest = o // a live process would register again at once and displace another
		}
		if s.listening() && o.listening() {
			replaced = o
		}
	}
	if displaced == nil && n >= maxProcesses {
		displaced = quietest
	}
	if replaced != nil {
		replaced.flags = replaced.flags&^rendezvous.FlagListening | rendezvous.FlagStandby
	}
	if replaced == displaced {
		replaced = nil
	}
	s.state, s.since, s.heard = stateConfirmed, now, now
	s.next = r.byGUID[s.guid]
	r.byGUID[s.guid] = s.slot() + 1
	r.confirmed++
	r.relist(s.guid)
	return displaced, replaced
}

// move gives a session another address.
func (r *registry) move(s *session, to netip.AddrPort) {
	r.sources.Add(s.at.Addr().Addr(), -1)
	s.at = rendezvous.EndpointOf(to)
	r.sources.Add(to.Addr(), 1)
}

func (r *registry) remove(s *session) {
	if s.state == stateConfirmed {
		r.unlink(s)
		r.unlist(s)
		r.confirmed--
		r.promote(s.guid)
		r.relist(s.guid)
	}
	r.sessions--
	r.sources.Add(s.at.Addr().Addr(), -1)
	slot := s.slot()
	*s = session{next: r.free}
	r.free = slot + 1
}

func (r *registry) unlink(s *session) {
	if r.byGUID[s.guid] == s.slot()+1 {
		if s.next == 0 {
			delete(r.byGUID, s.guid)
		} else {
			r.byGUID[s.guid] = s.next
		}
		return
	}
	for o := r.first(s.guid); o != nil; o = r.after(o) {
		if o.next == s.slot()+1 {
			o.next = s.next
			return
		}
	}
}

// sweep calls expire for each of the next n slots whose session was silent for too long.
// expire removes it.
func (r *registry) sweep(now time.Duration, n int, expire func(*session)) {
	slots := len(r.chunks) * chunkSize
	for range min(n, slots) {
		if r.swept >= slots {
			r.swept = 0
		}
		if s := r.at(uint32(r.swept)); s.state != stateFree && now-s.heard >= s.patience() {
			expire(s)
		}
		r.swept++
	}
}

// patience returns how long a session may be silent: three keepalive intervals, or less
// before its first packet.
func (s *session) patience() time.Duration {
	if s.state != stateConfirmed {
		return handshake.PendingLife
	}
	return 3*time.Duration(s.interval)*time.Second + time.Second
}
