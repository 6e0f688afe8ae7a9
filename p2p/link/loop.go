package link

import (
	"time"

	"p2ptool/p2p/link/recovery"
)

const (
	inboxTurn   = 16 // batches received before the loop sends
	turnBatches = 4  // batches sent before the loop receives
)

// poke wakes the loop.
func (l *Link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// do has the loop call f, in the order of the calls of do. If the link has ended it returns
// false, and f is never called.
func (l *Link) do(f func()) bool {
	l.mail.mu.Lock()
	if l.mail.err != nil {
		l.mail.mu.Unlock()
		return false
	}
	l.mail.calls = append(l.mail.calls, f)
	l.mail.mu.Unlock()
	l.poke()
	return true
}

// run is the loop: it handles what arrived, runs the timers that are due, sends what may be
// sent, and sleeps until there is more to do.
func (l *Link) run() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var armed time.Time // when the timer fires; zero: it has
	for {
		select {
		case <-l.wake:
		case <-timer.C:
			armed = time.Time{}
		}
		l.now = time.Now()
		more := l.handleArrivals()
		if !l.ending.ended {
			l.advance()
		}
		if l.ending.ended {
			l.traceEnd()
			l.release()
			return
		}
		if l.send() || more {
			l.poke()
			continue // the next turn sets the timer
		}
		// A timer that fires too early does no harm and costs less than setting
		// it each time.
		if at := l.deadline(); armed.IsZero() || at.Before(armed) {
			armed = at
			timer.Reset(max(time.Until(at), 0))
		}
	}
}

// handleArrivals runs calls and handles packets; it reports whether packets are left.
func (l *Link) handleArrivals() bool {
	l.mail.mu.Lock()
	calls := l.mail.calls
	l.mail.calls = nil
	if len(l.turn.arrivals) == l.turn.taken {
		l.turn.arrivals, l.turn.taken = l.mail.inbox.drain(l.turn.arrivals), 0
		l.relieve()
	}
	left := len(l.mail.inbox.arrivals) > 0
	l.mail.mu.Unlock()
	for _, f := range calls {
		f()
	}
	batches := l.turn.arrivals[l.turn.taken:]
	batches = batches[:min(len(batches), inboxTurn)]
	for i, a := range batches {
		l.receive(a)
		a.batch.Buf.Release()
		batches[i] = arrival{}
	}
	l.turn.taken += len(batches)
	l.wakeStreams()
	return left || l.turn.taken < len(l.turn.arrivals)
}

// wakeStreams wakes the Reads and Writes that can continue.
func (l *Link) wakeStreams() {
	for i, s := range l.turn.touched {
		s.wake()
		l.turn.touched[i] = nil
	}
	l.turn.touched = l.turn.touched[:0]
}

// end ends the link: the loop stops after this turn.
func (l *Link) end(err error) {
	l.mail.mu.Lock()
	first := l.mail.err == nil
	if first {
		l.mail.err = err
	}
	l.mail.mu.Unlock()
	l.ending.ended = true
	if first {
		l.streams.fail(err)
	}
}

// release releases the link's buffers and memory.
func (l *Link) release() {
	l.memory.end()
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	for _, a := range l.turn.arrivals[l.turn.taken:] {
		a.batch.Buf.Release()
	}
	l.mail.inbox.drop()
	l.turn.arrivals, l.mail.calls = nil, nil
	l.loss.history = recovery.History{}
	l.buffer.Release()
}
