package client

import (
	"time"

	"p2ptool/p2p/rendezvous"
)

const (
	// sizeCheckEvery is how often it is checked that full packets pass, where nothing else shows it.
	sizeCheckEvery = 30 * time.Second
	// Full KEEPALIVEs go out again after sizeCheckFirst, and then every sizeCheckNext, each with a short one.
	sizeCheckFirst = 250 * time.Millisecond
	sizeCheckNext  = 100 * time.Millisecond
	// sizeCheckShort is how many short ones have to be answered, and no full one, until it is certain:
	// where half is lost at random, one check in 500 is wrong.
	sizeCheckShort = 5
	// requestDoubt is for how long a request may be unanswered until the size is checked.
	requestDoubt = 700 * time.Millisecond
)

// A sizeCheck finds out, in mid-session, whether full packets still pass between client and server. A
// KEEPALIVE in a full packet has an ALIVE in another, so one answer shows both ways.
type sizeCheck struct {
	passed time.Time // when a full packet was last answered
	began  time.Time // of the check under way; zero: there is none
	next   time.Time // when it sends again
	after  uint32    // answers to requests up to this one do not count
	short  int       // how many short KEEPALIVEs were answered in it
	failed bool      // full packets do not pass
}

// checkSize begins a check unless one is running. Streams are not checked.
func (k *keeper) checkSize(now time.Time) {
	if k.ended == nil && k.size.began.IsZero() && now.Sub(k.size.passed) >= sizeCheckFirst {
		k.size.began, k.size.next, k.size.after, k.size.short = now, now, k.c.lastReq, 0
	}
}

// sizeTick sends what is due in a check and returns when it is due again; zero if no check is running.
func (k *keeper) sizeTick(now time.Time) time.Time {
	s := &k.size
	switch {
	case s.began.IsZero():
		return time.Time{}
	case now.Before(s.next):
	case s.short >= sizeCheckShort:
		s.began, s.failed = time.Time{}, true
		k.doubt(now)
		return time.Time{}
	case s.began.Equal(now):
		k.askIn(rendezvous.MaxBody)
		s.next = now.Add(sizeCheckFirst)
	default:
		k.askIn(rendezvous.MaxBody)
		k.askIn(rendezvous.KeepaliveSize)
		s.next = now.Add(sizeCheckNext)
	}
	return s.next
}

// answered records the answer to a KEEPALIVE at the address in use.
func (s *sizeCheck) answered(now time.Time, request uint32, full bool) {
	if full {
		*s = sizeCheck{passed: now}
	} else if request > s.after {
		s.short++
	}
}
