package link

import (
	"cmp"
	"slices"

	"p2ptool/p2p/link/wire"
)

// repeatOldest makes the oldest data due again if a copy of it is due (recovery.Redundancy), and
// reports whether there is any.
func (l *Link) repeatOldest(p *flow) bool {
	n, newRound := p.loss.CopyDue(l.now, p.MTU)
	if newRound {
		l.streams.age()
	}
	return n > 0 && l.streams.repeat(n)
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
	if s == nil || l.acks.Runs() < repeatRanges {
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
