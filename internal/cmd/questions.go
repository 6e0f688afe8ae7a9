package cmd

import (
	"context"
	"errors"
	"sync"
	"time"

	"p2ptool/p2p"
)

// questions puts questions to the person, one at a time.
//
// What a process of a peer asks over one link is withdrawn when it asks over another, so that it
// does not wait behind a question that it has given up. What another process of the peer asks
// stands: it is withdrawn with its link, which ends within seconds where that process was killed. And since
// somebody may be about to answer what has just been withdrawn, nothing is asked for a moment
// after: no peer gets the answer to a question that was exchanged, or to that of another one.
type questions struct {
	turn      chan struct{} // has room for one
	withdrawn time.Time     // when a question was last; of whose turn it is

	mu   sync.Mutex
	open map[process]*inquiry // the newest of each
}

// A process is one of a peer's.
type process struct {
	peer     p2p.GUID
	instance uint64
}

func processOf(peer p2p.GUID, l *p2p.Link) process {
	if l == nil {
		return process{peer: peer}
	}
	return process{peer, l.Instance()}
}

// An inquiry is a question that stands or waits for its turn.
type inquiry struct {
	link   *p2p.Link
	cancel context.CancelCauseFunc
}

// withdrawnPause is longer than anybody needs to see that a question is not asked any more.
const withdrawnPause = 2 * time.Second

var errAskedAgain = errors.New("the peer has called again, which counts instead")

func newQuestions() *questions {
	return &questions{turn: make(chan struct{}, 1), open: make(map[process]*inquiry)}
}

// put waits for its turn, and asks. The error is the reason why there is no answer.
func (q *questions) put(ctx context.Context, peer p2p.GUID, link *p2p.Link, ask func(context.Context) (bool, error)) (bool, error) {
	ctx, done := q.enter(ctx, peer, link)
	defer done()
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	timer := time.NewTimer(withdrawnPause - time.Since(q.withdrawn))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	yes, err := ask(ctx)
	if ctx.Err() != nil {
		q.withdrawn = time.Now()
		return false, context.Cause(ctx)
	}
	return yes, err
}

// enter notes a question until done is called, and withdraws what the same process asked over another link.
func (q *questions) enter(ctx context.Context, peer p2p.GUID, link *p2p.Link) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	this, from := &inquiry{link, cancel}, processOf(peer, link)
	q.mu.Lock()
	defer q.mu.Unlock()
	if old := q.open[from]; old != nil && old.link != link {
		old.cancel(errAskedAgain)
	}
	q.open[from] = this
	return ctx, func() {
		cancel(nil)
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.open[from] == this {
			delete(q.open, from)
		}
	}
}
