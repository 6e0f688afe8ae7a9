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
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return false
	}
	l.calls = append(l.calls, f)
	l.mu.Unlock()
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
		if !l.ended {
			l.advance()
		}
		if l.ended {
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
	l.mu.Lock()
	calls := l.calls
	l.calls = nil
	if len(l.turn) == l.taken {
		l.turn, l.taken = l.inbox.drain(l.turn), 0
		l.relieve()
	}
	left := len(l.inbox.arrivals) > 0
	l.mu.Unlock()
	for _, f := range calls {
		f()
	}
	batches := l.turn[l.taken:]
	batches = batches[:min(len(batches), inboxTurn)]
	for i, a := range batches {
		l.receive(a)
		a.batch.Buf.Release()
		batches[i] = arrival{}
	}
	l.taken += len(batches)
	l.wakeStreams()
	return left || l.taken < len(l.turn)
}

// wakeStreams wakes the Reads and Writes that can continue.
func (l *Link) wakeStreams() {
	for i, s := range l.touched {
		s.wake()
		l.touched[i] = nil
	}
	l.touched = l.touched[:0]
}

// end ends the link: the loop stops after this turn.
func (l *Link) end(err error) {
	l.mu.Lock()
	first := l.err == nil
	if first {
		l.err = err
	}
	l.mu.Unlock()
	l.ended = true
	if first {
		l.streams.fail(err)
	}
}

// release releases the link's buffers and memory.
func (l *Link) release() {
	l.memory.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.turn[l.taken:] {
		a.batch.Buf.Release()
	}
	l.inbox.drop()
	l.turn, l.calls = nil, nil
	l.history = recovery.History{}
	l.buffer.Release()
}
