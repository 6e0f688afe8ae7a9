package chat

import "fmt"

// attach makes c the session's current conn, unless the current one ranks higher. It returns the
// first and last id of the lines that the other side's OPEN acknowledges. If there are none, first
// is greater than last.
func (s *Session) attach(c *conn, theirs open) (first, last uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.rank = rankOf(c.ours, theirs)
	s.attempt = max(s.attempt, c.rank.attempt)
	for s.current != nil {
		if !c.rank.above(s.current.rank) {
			return 1, 0, ErrReplaced
		}
		before := s.current
		before.cancel(ErrReplaced)
		if err := s.waitLocked(c.ctx, func() bool { return s.current != before }); err != nil {
			return 1, 0, err
		}
	}
	if s.left {
		return 1, 0, ErrPeerLeft
	}
	s.meetLocked(c, theirs.session)
	var read uint64
	if theirs.peer == s.id {
		read = theirs.read
	}
	if read > s.lastID {
		return 1, 0, fmt.Errorf("%w: it read line %d, of %d", ErrProtocol, read, s.lastID)
	}
	first, last = s.acknowledgeLocked(read)
	c.sent = s.ackedLocked()
	s.current = c
	s.changedLocked()
	return first, last, nil
}

// meetLocked records the other side's session, which is new if that side has restarted. It also
// records the receipt in our OPEN.
func (s *Session) meetLocked(c *conn, peer sessionID) {
	if s.peer != peer {
		s.peer, s.got, s.read = peer, 0, 0
	}
	if c.ours.peer == peer {
		c.receipts = c.ours.read
	}
}

// acknowledgeLocked removes the lines up to id, which was sent, from the lines without a receipt. It
// returns the first and last id of the removed lines. If there are none, first is greater than last.
func (s *Session) acknowledgeLocked(id uint64) (first, last uint64) {
	acked := s.ackedLocked()
	if id <= acked {
		return 1, 0
	}
	n := int(id - acked)
	for _, text := range s.pending[:n] {
		s.unread -= len(text)
	}
	clear(s.pending[:n])
	s.pending = s.pending[n:]
	s.changedLocked()
	return acked + 1, id
}

// A rank orders the streams between two sessions. Both sides get the same order: a later attempt
// ranks above an earlier one, and random numbers decide between two streams that cross.
type rank struct {
	attempt uint32
	random  uint64
}

func rankOf(a, b open) rank {
	return rank{max(a.attempt, b.attempt), a.random ^ b.random}
}

func (r rank) above(o rank) bool {
	if r.attempt != o.attempt {
		return r.attempt > o.attempt
	}
	return r.random > o.random
}
