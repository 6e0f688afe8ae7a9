package link

import (
	"cmp"
	"slices"

	"p2ptool/p2p/link/wire"
)

// repeatOldest queues the oldest data to be sent again if a copy of it is due
// (recovery.Redundancy), and reports whether there is any.
func (l *Link) repeatOldest(p *flow) bool {
	n, newRound := p.loss.CopyDue(l.now, p.MTU)
	if newRound {
		l.streams.age()
	}
	return n > 0 && l.streams.repeat(n)
}

// age is called once a round trip: what was sent in the previous one should have arrived.
func (t *streams) age() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.live {
		s.mu.Lock()
		s.out.Age()
		s.mu.Unlock()
	}
}

// repeat queues up to n bytes to be sent again of data that should have arrived and has not,
// the most urgent streams first, and reports whether there is any. Only the loop calls it.
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

// expedite queues up to n bytes to be sent again of data that has not arrived, the most urgent
// streams first, without waiting for its loss to be detected: after a path's rate has dropped, a
// chat line is likely lost, and that would be detected only after a full queue has drained.
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

// repeatRanges is the number of ranges of received packets from which on loss is so high that
// a WINDOW is sent more than once.
const repeatRanges = 8

// repeatWindow appends the last WINDOW again to a packet that is sent anyway, while it is not
// acknowledged and many packets from the peer are lost: if it were lost, the data that it
// permits would be delayed more than anything else. The copy is not recorded, as the first one was.
func (l *Link) repeatWindow(b []byte, room int) []byte {
	s := l.streams.raised
	if s == nil || l.loss.acks.Runs() < repeatRanges {
		return b
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.in.WantsMore() {
		l.streams.raised = nil
		return b
	}
	if room < wire.StreamControlSize(s.id) {
		return b
	}
	return wire.AppendStreamControl(b, wire.FrameWindow, s.id, s.in.Limit())
}
