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
	stateReserved // the handshake is being made
	statePending  // RESPONSE was sent, no packet of the session has come yet
	stateConfirmed
)

// A session is what the server keeps of a peer's process: fixed in size, and
// but for the name free of pointers.
type session struct {
	crypto   noise.Compact
	key      [identity.KeySize]byte
	guid     identity.GUID
	at       rendezvous.Endpoint // where it has proven to receive
	instance uint64
	name     string
	heard    time.Duration // when a packet of it was last opened
	since    time.Duration // when it was confirmed
	called   time.Duration // when it was first called since a packet of it came; 0: not
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

	maxPending = 1 << 16 // sessions that wait for their first packet

	// maxProcesses bounds the sessions of one GUID. Twenty commands at once are
	// nothing unusual, and those that were killed stay for a while.
	maxProcesses = 256

	// silentAfter is how long a process may leave a call unanswered until calls
	// go to the next one. It is a little less than callers wait before they
	// look again.
	silentAfter = 1800 * time.Millisecond
)

func (s *session) slot() uint32    { return s.index & slotMask }
func (s *session) listening() bool { return s.flags&rendezvous.FlagListening != 0 }
func (s *session) standby() bool   { return s.flags&rendezvous.FlagStandby != 0 }

// A registry holds the sessions, found by index and by GUID. It grows by
// chunks, so that it never moves what it holds, and it is not safe for
// concurrent use.
type registry struct {
	chunks    []*[chunkSize]session
	free      uint32 // slot+1 of the first free slot; 0: none
	byGUID    map[identity.GUID]uint32
	list      []uint32 // slots of those that are listed: of a GUID, the one that gets its calls
	sources   *limit.Counts
	confirmed int
	pending   []uint32 // indexes in the order of their making, some of them stale
	swept     int      // slot at which the next sweep goes on

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
	// The bits above the slot are random, so that an index from before a
	// restart rarely meets a session of somebody else.
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

// crowdedOut returns the oldest pending session where there are too many.
func (r *registry) crowdedOut() *session {
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

// confirm makes a pending session the newest of its GUID. It returns the
// session that it displaces, of the same process or of one too many, and
// the listener that it replaces, if any. The displaced one is still there.
func (r *registry) confirm(now time.Duration, s *session) (displaced, replaced *session) {
	n := 0
	var quietest *session
	for o := r.first(s.guid); o != nil; o = r.after(o) {
		n++
		if o.instance == s.instance {
			displaced = o
		}
		if quietest == nil || o.heard <= quietest.heard {
			quietest = o // rather than one that would be back at once, and displace another
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

// relist puts into the list the process of a GUID that gets its calls, if it wants to
// be there, and no other. Of silence it takes no notice: that passes.
func (r *registry) relist(g identity.GUID) {
	best := r.callee(0, g, 0)
	for s := r.first(g); s != nil; s = r.after(s) {
		switch {
		case s != best || s.flags&rendezvous.FlagListed == 0:
			r.unlist(s)
		case s.listed == 0:
			r.list = append(r.list, s.slot())
			s.listed = uint32(len(r.list))
		}
	}
}

// promote makes the newest session of a GUID that stands by the listener, if there is
// none.
func (r *registry) promote(g identity.GUID) {
	var next *session
	for s := r.first(g); s != nil; s = r.after(s) {
		if s.listening() {
			return
		}
		if next == nil && s.standby() {
			next = s
		}
	}
	if next != nil {
		next.flags = next.flags&^rendezvous.FlagStandby | rendezvous.FlagListening
		r.relist(g)
	}
}

// first and after walk the confirmed sessions of a GUID, newest first.
func (r *registry) first(g identity.GUID) *session {
	if n := r.byGUID[g]; n != 0 {
		return r.at(n - 1)
	}
	return nil
}

func (r *registry) after(s *session) *session {
	if s.next != 0 {
		return r.at(s.next - 1)
	}
	return nil
}

// process returns the session of one process of a GUID, or nil.
func (r *registry) process(g identity.GUID, instance uint64) *session {
	for s := r.first(g); s != nil; s = r.after(s) {
		if s.instance == instance {
			return s
		}
	}
	return nil
}

// callee returns the session of a GUID that gets the calls which need all bits of
// takes, or nil: the newest of the highest rank, but the oldest of those that are there for
// want of a listener, since it is the likeliest to stay.
func (r *registry) callee(now time.Duration, g identity.GUID, takes uint32) (best *session) {
	most := 0
	for s := r.first(g); s != nil; s = r.after(s) {
		rank := s.rank(now)
		better := rank > most || rank == most && s.flags&rendezvous.FlagFallback != 0
		if rank > 0 && better && s.takes&takes == takes {
			best, most = s, rank
		}
	}
	return best
}

// rank orders the processes of a GUID by who gets the calls: the listener, before those
// that stand by for it, before those that are there for want of a listener; and all of
// them before those that have left a call unanswered. Rank 0 gets none.
func (s *session) rank(now time.Duration) (rank int) {
	switch {
	case s.listening():
		rank = 3
	case s.standby():
		rank = 2
	case s.flags&rendezvous.FlagFallback != 0:
		rank = 1
	default:
		return 0
	}
	if s.called != 0 && now-s.called >= silentAfter {
		return rank
	}
	return rank + 3
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

func (r *registry) unlist(s *session) {
	if s.listed == 0 {
		return
	}
	last := len(r.list) - 1
	moved := r.list[last]
	r.list[s.listed-1] = moved
	r.at(moved).listed = s.listed
	r.list = r.list[:last]
	s.listed = 0
}

// page returns a part of the list of at most size bytes. A cursor is the number of
// entries that remain. Pages go from the end of the list to its beginning: new entries
// are appended, and the last one fills the gap of a removed one, so every peer that stays
// is on at least one page.
func (r *registry) page(now time.Duration, cursor uint64, size int) rendezvous.Page {
	left := len(r.list)
	if cursor != 0 {
		left = int(min(cursor, uint64(left)))
	}
	var p rendezvous.Page
	for size -= 8; left > 0; left-- {
		s := r.at(r.list[left-1])
		l := rendezvous.Listing{GUID: s.guid, Seconds: uint32((now - s.since) / time.Second), Name: s.name}
		if size -= l.Size(); size < 0 {
			break
		}
		p.Peers = append(p.Peers, l)
	}
	p.Next = uint64(left)
	return p
}

// sweep calls expire for the sessions among the next n slots that were not
// heard for too long; expire removes them.
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

// patience returns for how long a session may be silent: until three
// keepalives are missing, or the first packet is.
func (s *session) patience() time.Duration {
	if s.state != stateConfirmed {
		return handshake.PendingLife
	}
	return 3*time.Duration(s.interval)*time.Second + time.Second
}
