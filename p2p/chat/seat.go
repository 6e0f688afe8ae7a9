package chat

import (
	"context"
	"errors"
)

// A seat is one process of the other side.
type seat struct {
	session *Session
	entered uint64   // how many streams there had been in the room when its last one came
	next    uint64   // id of the line that its session gets next
	given   []uint64 // ids of those that its session has and that are not delivered, in order
	fed     chan struct{}
}

// enter returns the session with a process.
func (r *Room) enter(process uint64) (*Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.overLocked(); err != nil {
		return nil, err
	}
	r.entered++
	if s := r.seats[process]; s != nil && s.session.peerLeft() {
		delete(r.seats, process) // it begins afresh; who feeds the old session notices by itself
	} else if s != nil {
		s.entered = r.entered
		return s.session, nil
	}
	if len(r.seats) >= maxSeats && !r.makeRoomLocked() {
		return nil, ErrCrowded
	}
	s := &seat{entered: r.entered, next: r.doneID + 1, fed: make(chan struct{})}
	s.session = New(Options{Delivered: func(uint64) { r.deliveredBy(s) }})
	r.seats[process] = s
	r.workers += 2
	go r.feed(s)
	go r.listen(process, s)
	return s.session, nil
}

// Drop gives up the session with a process that has left without a goodbye: the conversation
// may be over with it. It is for one that is known to have ended. What only seems to be gone
// may come back, and has to find its session, or lines that it has are sent again. A session
// that is over already stays as it is.
func (r *Room) Drop(process uint64) {
	r.mu.Lock()
	s := r.seats[process]
	if s == nil || s.session.isOver() {
		r.mu.Unlock()
		return
	}
	r.vacateLocked(process, true)
	r.mu.Unlock()
	s.giveUp()
}

// giveUp ends the session without the other side.
func (s *seat) giveUp() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.session.Close(ctx) // it cannot be told
}

// makeRoomLocked gives up the session that has been without a stream for longest, which is
// that of a process that was killed, most likely. It reports whether there was one.
func (r *Room) makeRoomLocked() bool {
	var oldest uint64
	var gone *seat
	for process, s := range r.seats {
		if !s.session.hasStream() && (gone == nil || s.entered < gone.entered) {
			oldest, gone = process, s
		}
	}
	if gone == nil {
		return false
	}
	r.vacateLocked(oldest, false)
	r.workers++
	go func() {
		defer r.ended()
		gone.giveUp()
	}()
	return true
}

// feed gives a session the lines that are sent, until it is over or has all that there will be.
func (r *Room) feed(s *seat) {
	defer r.ended()
	defer close(s.fed)
	for {
		text, ok := r.nextFor(s)
		if !ok {
			return
		}
		if _, err := s.session.Send(context.Background(), text); err != nil {
			return
		}
	}
}

// nextFor waits for the next line for a seat; ok is false when there will be none.
func (r *Room) nextFor(s *seat) (text string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !s.session.isOver() {
		s.next = max(s.next, r.lastID-uint64(len(r.kept))+1) // what it misses, others have
		if s.next <= r.lastID {
			text = r.kept[len(r.kept)-1-int(r.lastID-s.next)]
			s.given = append(s.given, s.next)
			s.next++
			r.trimLocked()
			return text, true
		}
		if r.closed {
			break
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-s.session.Done():
		}
		r.mu.Lock()
	}
	return "", false
}

// deliveredBy notes that the oldest line of a seat's that was not delivered is.
func (r *Room) deliveredBy(s *seat) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	id := s.given[0]
	s.given = s.given[1:]
	first := r.doneID + 1
	for r.doneID < id {
		r.doneID++
		r.unread -= len(r.kept[len(r.kept)-1-int(r.lastID-r.doneID)])
	}
	r.trimLocked()
	r.changedLocked()
	r.mu.Unlock()
	for ; first <= id; first++ {
		r.told(first)
	}
}

// trimLocked forgets the lines that were delivered and that no seat needs, or too many are kept for one.
func (r *Room) trimLocked() {
	need := r.doneID + 1
	for _, s := range r.seats {
		need = min(need, s.next)
	}
	for len(r.kept) > 0 {
		oldest := r.lastID - uint64(len(r.kept)) + 1
		if oldest > r.doneID || oldest >= need && len(r.kept) <= maxLines && r.keptSize <= maxBytes {
			return
		}
		r.keptSize -= len(r.kept[0])
		r.kept[0] = ""
		r.kept = r.kept[1:]
	}
}

// listen passes on what a session receives, until it is over.
func (r *Room) listen(process uint64, s *seat) {
	defer r.ended()
	for {
		m, err := s.session.Receive(context.Background())
		if err != nil {
			r.vacate(process, s, errors.Is(err, ErrPeerLeft))
			return
		}
		r.lines <- m
	}
}

// vacate takes the seat of a session that is over.
func (r *Room) vacate(process uint64, s *seat, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seats[process] == s {
		r.vacateLocked(process, left)
	}
}

// vacateLocked takes a seat away. Where it was the last, and its process has left, the
// conversation is over.
func (r *Room) vacateLocked(process uint64, left bool) {
	delete(r.seats, process)
	if left && len(r.seats) == 0 && !r.closed {
		r.left = true
		r.endLocked()
	}
	r.changedLocked()
}

func (r *Room) ended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.workers--
	r.changedLocked()
}

// closeSeat closes a session once it has all lines.
func (r *Room) closeSeat(ctx context.Context, s *seat) error {
	select {
	case <-s.fed:
	case <-ctx.Done():
	}
	return s.session.Close(ctx)
}
