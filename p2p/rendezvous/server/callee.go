package server

import (
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
)

// relist lists the process of a GUID that gets its calls, if that one wants to be listed,
// and no other process of the GUID. Unanswered calls do not matter here, as they may be temporary.
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

// promote makes the newest standby session of a GUID its listener, if it has none.
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

// callee returns the session of a GUID that gets calls which need all bits of takes, or
// nil. It is the newest of the highest rank; among fallback sessions it is the oldest, as
// that one is most likely to stay.
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

// rank orders the processes of a GUID for calls: the listener, then standby sessions, then
// fallback sessions. Those that left a call unanswered come after all others, in the same
// order. Rank 0 gets no calls.
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
