package chat

import (
	"context"
	"errors"
)

// A participant is one process of the other side.
type participant struct {
	session *Session
	entered uint64   // number of its newest stream, counted in the room
	next    uint64   // id of the next line for its session
	given   []uint64 // ids of its session's undelivered lines, in order
	fed     chan struct{}
}

// enter returns the session with a process, and creates it if needed.
func (r *Room) enter(process uint64) (*Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.endErrLocked(); err != nil {
		return nil, err
	}
	r.entered++
	if s := r.participants[process]; s != nil && s.session.peerLeft() {
		delete(r.participants, process) // the process has restarted; the goroutine of the old session ends by itself
	} else if s != nil {
		s.entered = r.entered
		return s.session, nil
	}
	if len(r.participants) >= maxProcesses && !r.evictLocked() {
		return nil, ErrCrowded
	}
	s := &participant{entered: r.entered, next: r.doneID + 1, fed: make(chan struct{})}
	s.session = New(Options{Delivered: func(uint64) { r.deliveredBy(s) }})
	r.participants[process] = s
	r.workers += 2
	go r.feed(s)
	go r.listen(process, s)
	return s.session, nil
}

// Drop removes the session with a process that is known to have ended without a goodbye. If it is the
// last, the chat ends. Do not call it for a process that may come back: without its session it would
// receive lines twice. Drop does nothing if the session has ended.
func (r *Room) Drop(process uint64) {
	r.mu.Lock()
	s := r.participants[process]
	if s == nil || s.session.hasEnded() {
		r.mu.Unlock()
		return
	}
	r.removeLocked(process, true)
	r.mu.Unlock()
	s.giveUp()
}

// giveUp closes the session without a goodbye.
func (s *participant) giveUp() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.session.Close(ctx) // it fails only because of ctx
}

// evictLocked removes the session without a stream whose last stream is the oldest. Most likely its process
// was killed. evictLocked reports whether there was such a session.
func (r *Room) evictLocked() bool {
	var oldest uint64
	var gone *participant
	for process, s := range r.participants {
		if !s.session.hasStream() && (gone == nil || s.entered < gone.entered) {
			oldest, gone = process, s
		}
	}
	if gone == nil {
		return false
	}
	r.removeLocked(oldest, false)
	r.workers++
	go func() {
		defer r.ended()
		gone.giveUp()
	}()
	return true
}

// feed sends lines to a session until it has ended or there can be no more lines.
func (r *Room) feed(s *participant) {
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

// nextFor waits for the next line for a participant; ok is false if there will be no more.
func (r *Room) nextFor(s *participant) (text string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !s.session.hasEnded() {
		s.next = max(s.next, r.lastID-uint64(len(r.kept))+1) // skip lines that are no longer kept; others received them
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

// deliveredBy records the delivery of a participant's oldest undelivered line.
func (r *Room) deliveredBy(s *participant) {
	r.deliverMu.Lock()
	defer r.deliverMu.Unlock()
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
		r.onDelivered(first)
	}
}

// trimLocked drops delivered lines that no participant needs, or that exceed the limit for a slow one.
func (r *Room) trimLocked() {
	need := r.doneID + 1
	for _, s := range r.participants {
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

// listen forwards a session's lines until it has ended.
func (r *Room) listen(process uint64, s *participant) {
	defer r.ended()
	for {
		m, err := s.session.Receive(context.Background())
		if err != nil {
			r.remove(process, s, errors.Is(err, ErrPeerLeft))
			return
		}
		r.lines <- m
	}
}

// remove removes the participant of a session that has ended.
func (r *Room) remove(process uint64, s *participant, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.participants[process] == s {
		r.removeLocked(process, left)
	}
}

// removeLocked removes a participant. If it was the last and has left, the chat ends.
func (r *Room) removeLocked(process uint64, left bool) {
	delete(r.participants, process)
	if left && len(r.participants) == 0 && !r.closed {
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

// closeParticipant closes a session after its last line.
func (r *Room) closeParticipant(ctx context.Context, s *participant) error {
	select {
	case <-s.fed:
	case <-ctx.Done():
	}
	return s.session.Close(ctx)
}
