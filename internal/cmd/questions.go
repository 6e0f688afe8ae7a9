package cmd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"p2ptool/p2p"
)

// Questions asks the user one question at a time, those of contacts before those of strangers.
//
// When a process of a peer asks over a new link, the question that it asked over an older one is
// withdrawn, so that the process does not wait behind a question that it has given up. A question of another
// process of that peer stays until its link ends, which takes seconds if that process was killed. After a
// withdrawal there is a pause before the next question, since the user may be about to answer the
// old one: the answer to one question must never count for another.
//
// A stranger has one question at a time. After a no, further questions of that stranger are declined
// for a while without asking, and the next question of any stranger is delayed, longer after each no in a
// row. So strangers cannot keep the user busy.
type questions struct {
	mu        sync.Mutex           // guards the fields below
	taken     bool                 // a question has the turn
	waiting   []*inquiry           // for the turn: contacts', then strangers'
	open      map[process]*inquiry // the newest of each process
	withdrawn time.Time            // when a question was last withdrawn
	strangers strangers
}

// An asking identifies who asks: a process of a peer, over a link.
type asking struct {
	process
	link    *p2p.Link
	contact bool
}

// A process is one process of a peer.
type process struct {
	peer     p2p.GUID
	instance uint64
}

// An inquiry is a question that is being asked or waits for its turn.
type inquiry struct {
	asking
	cancel context.CancelCauseFunc
	turn   chan struct{} // closed when the inquiry gets the turn
	holds  bool          // it has the turn
}

const (
	// withdrawnPause is long enough to notice that a question was withdrawn.
	withdrawnPause = 2 * time.Second
	// maxQuestions bounds the waiting questions of strangers.
	maxQuestions = 16
)

var (
	errAskedAgain = errors.New("replaced by a newer request of the same peer")
	errTooMany    = errors.New("too many other requests are waiting, try again later")
)

func newQuestions() *questions {
	return &questions{open: make(map[process]*inquiry), strangers: strangers{declined: make(map[p2p.GUID]time.Time)}}
}

// put waits for its turn and asks. The error says why there is no answer.
func (q *questions) put(ctx context.Context, who asking, ask func(context.Context) (bool, error)) (bool, error) {
	ctx, i, err := q.enter(ctx, who)
	if err != nil {
		return false, err
	}
	defer q.leave(i)
	if err := q.await(ctx, i); err != nil {
		return false, err
	}
	yes, err := ask(ctx)
	q.mu.Lock()
	defer q.mu.Unlock()
	if ctx.Err() != nil {
		q.withdrawn = time.Now()
		return false, context.Cause(ctx)
	}
	if !who.contact {
		q.strangers.answered(time.Now(), who.peer, yes && err == nil)
	}
	return yes, err
}

// enter adds a question, which stays until leave. It withdraws the question that the same process
// asked over another link.
func (q *questions) enter(ctx context.Context, who asking) (context.Context, *inquiry, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !who.contact {
		if err := q.mayAskLocked(who); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	this, from := &inquiry{asking: who, cancel: cancel, turn: make(chan struct{})}, who.process
	if old := q.open[from]; old != nil && old.link != who.link {
		old.cancel(errAskedAgain)
	}
	q.open[from] = this
	at := len(q.waiting)
	if who.contact {
		if at = slices.IndexFunc(q.waiting, func(i *inquiry) bool { return !i.contact }); at < 0 {
			at = len(q.waiting)
		}
	}
	q.waiting = slices.Insert(q.waiting, at, this)
	q.passTurnLocked()
	return ctx, this, nil
}

// mayAskLocked returns why a stranger's question is declined at once, or nil.
func (q *questions) mayAskLocked(who asking) error {
	if q.strangers.remembers(time.Now(), who.peer) {
		return errDeclined
	}
	waiting := 0
	for _, i := range q.open {
		if i.contact {
			continue
		}
		if i.peer == who.peer && (i.process != who.process || i.link == who.link) {
			return errTooMany
		}
		waiting++
	}
	if waiting >= maxQuestions {
		return errTooMany
	}
	return nil
}

// passTurnLocked gives the turn to the first waiting question, if no question has it.
func (q *questions) passTurnLocked() {
	if !q.taken && len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		next.holds, q.taken = true, true
		close(next.turn)
	}
}

// await waits for the turn and for the pause before a question.
func (q *questions) await(ctx context.Context, i *inquiry) error {
	for {
		select {
		case <-i.turn:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wait, again := q.pauses(i)
		if err := sleep(ctx, wait); err != nil || !again {
			return err
		}
		q.mu.Lock()
		i.turn = make(chan struct{})
		q.waiting = append(q.waiting, i)
		q.passTurnLocked()
		q.mu.Unlock()
	}
}

// pauses returns how long to wait before asking. With again, the question has given the turn up,
// so that a contact's question can pass during a long pause, and must wait for it again.
func (q *questions) pauses(i *inquiry) (wait time.Duration, again bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if quiet := time.Until(q.strangers.quiet); !i.contact && quiet > 0 {
		q.giveUpTurnLocked(i)
		return quiet, true
	}
	return withdrawnPause - time.Since(q.withdrawn), false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (q *questions) giveUpTurnLocked(i *inquiry) {
	if i.holds {
		i.holds, q.taken = false, false
		q.passTurnLocked()
	}
}

// leave removes a question, and passes on the turn if it had it.
func (q *questions) leave(i *inquiry) {
	i.cancel(nil)
	q.mu.Lock()
	defer q.mu.Unlock()
	if from := i.process; q.open[from] == i {
		delete(q.open, from)
	}
	if at := slices.Index(q.waiting, i); at >= 0 {
		q.waiting = slices.Delete(q.waiting, at, at+1)
	}
	q.giveUpTurnLocked(i)
}

const (
	declinedFor = 10 * time.Minute // how long a no to a stranger holds
	quietFirst  = time.Second      // pause between strangers' questions after a no; doubles with each no in a row
	quietLast   = time.Minute      // the longest such pause
	maxDeclined = 1024             // remembered strangers
)

// Strangers remembers the answers to strangers' questions.
type strangers struct {
	declined map[p2p.GUID]time.Time // when a stranger was declined
	quiet    time.Time              // no question of a stranger before that
	noes     int                    // in a row
}

func (s *strangers) remembers(now time.Time, peer p2p.GUID) bool {
	at, ok := s.declined[peer]
	return ok && now.Sub(at) < declinedFor
}

// answered records the answer to a stranger's question.
func (s *strangers) answered(now time.Time, peer p2p.GUID, yes bool) {
	if yes {
		s.noes = 0
		return
	}
	for g, at := range s.declined {
		if len(s.declined) >= maxDeclined || now.Sub(at) >= declinedFor {
			delete(s.declined, g)
		}
	}
	s.declined[peer] = now
	s.quiet = now.Add(min(quietFirst<<min(s.noes, 10), quietLast))
	s.noes++
}
