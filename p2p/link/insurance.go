package link

import (
	"cmp"
	"math"
	"slices"
	"time"

	"p2ptool/p2p/link/rtt"
	"p2ptool/p2p/link/wire"
)

// Where much is lost by chance, a few packets that are lost again and again hold up
// all that is behind them: of a thousand on a path that loses half, one takes ten attempts, of
// a round trip each. So while there is nothing else to send, the oldest of what should have
// arrived, and has not, is sent again without waiting for word of its loss: in each round
// trip as often as makes it likely that it arrives. That costs nothing that is wanted for
// anything else, and is bounded: who sends little, because he wants to, shall not
// send many times as much.
const (
	insureFrom   = 0.05 // share lost by chance: what is less is made up for in time as it is
	insureDoubt  = 0.05 // likelihood that no copy arrives
	insureCopies = 8    // at most
	insureLeast  = 16   // packets in a round trip, of all copies together
	insureShare  = 8    // of the window, where that is more
)

// An insurance is what a path still has to repeat in the present round trip.
type insurance struct {
	until  time.Time // end of the round trip
	copies int       // that are left
	bytes  int       // of each: the oldest
}

// insures reports whether a path loses so much that it is worth while.
func (p *path) insures() bool { return p.inFlight > 0 && p.cc.RandomLoss() >= insureFrom }

// insure makes the oldest data due again, if there is a copy left to make of it,
// and reports whether there is any.
func (l *Link) insure(p *path) bool {
	if !p.insures() {
		return false
	}
	in := &p.insurance
	if !l.now.Before(in.until) {
		lost := p.cc.RandomLoss()
		in.until = l.now.Add(max(p.rtt.Estimate()*5/4, rtt.Granularity)) // with the time that ACKs wait
		in.copies = min(int(math.Ceil(math.Log(insureDoubt)/math.Log(lost))), insureCopies)
		in.bytes = max(insureLeast*p.mtu, p.cc.Window()/insureShare) / in.copies
		l.streams.age()
	}
	if in.copies == 0 {
		return false
	}
	in.copies--
	return l.streams.repeat(in.bytes)
}

// age is called once a round trip: what was sent in the one before should have arrived.
func (t *streams) age() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.live {
		s.mu.Lock()
		s.out.Age()
		s.mu.Unlock()
	}
}

// repeat makes due again up to n bytes of what should have arrived and has not, of the most
// urgent streams first, and reports whether there is any. Only the loop does.
func (t *streams) repeat(n int) bool {
	t.mu.Lock()
	all := t.allLocked()
	slices.SortFunc(all, func(a, b *Stream) int { return cmp.Compare(a.priority, b.priority) })
	t.mu.Unlock()
	left := n
	for _, s := range all {
		if took := s.repeat(left); took > 0 {
			left -= took
			t.queue(s, false)
		}
	}
	return left < n
}

// expedite makes due again up to n bytes of what has not arrived, of the most urgent
// streams first, without waiting for word of its loss: when a path's rate has dropped, a
// chat line is likely lost, and word of that would come a full queue later.
func (t *streams) expedite(n int) {
	t.age()
	t.age()
	t.repeat(n)
}

func (s *Stream) repeat(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Repeat(n)
}

// repeatRanges is from how many runs of what has arrived on packets are lost so often that a
// WINDOW is told more than once.
const repeatRanges = 8

// repeatWindow appends the WINDOW that was last sent to what is sent anyway, while it is
// not acknowledged and much is lost on the way here: what it lets the other side send
// would wait for longer than anything else. It is not remembered, for the first was.
func (l *Link) repeatWindow(b []byte, room int) []byte {
	s := l.raised
	if s == nil || len(l.acks.got) < repeatRanges {
		return b
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.in.WantsMore() {
		l.raised = nil
		return b
	}
	if room < wire.StreamControlSize(s.id) {
		return b
	}
	return wire.AppendStreamControl(b, wire.FrameWindow, s.id, s.in.Limit())
}
