package cmd

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"p2ptool/p2p"
)

// questions puts questions to the person, one at a time: those of contacts first, then those of
// strangers.
//
// What a process of a peer asks over one link is withdrawn when it asks over another, so that it
// does not wait behind a question that it has given up. What another process of the peer asks
// stands: it is withdrawn with its link, which ends within seconds where that process was killed. And since
// somebody may be about to answer what has just been withdrawn, nothing is asked for a moment
// after: no peer gets the answer to a question that was exchanged, or to that of another one.
//
// A stranger is asked about once at a time. After a no the same one is declined for a while without
// asking, and the next question of any stranger waits, the longer the more of them were
// declined in a row: nobody has to answer strangers all day.
type questions struct {
	mu        sync.Mutex           // guards what follows
	taken     bool                 // somebody has the turn
	waiting   []*inquiry           // for the turn: contacts', then strangers'
	open      map[process]*inquiry // the newest of each
	withdrawn time.Time            // when a question was last
	strangers strangers
}

// An asking is who asks: a process of a peer, over a link.
type asking struct {
	process
	link    *p2p.Link
	contact bool
}

// A process is one of a peer's.
type process struct {
	peer     p2p.GUID
	instance uint64
}

// An inquiry is a question that stands or waits for its turn.
type inquiry struct {
	asking
	cancel context.CancelCauseFunc
	turn   chan struct{} // closed when it has the turn
	holds  bool          // the turn
}

const (
	// withdrawnPause is longer than anybody needs to see that a question is not asked any more.
	withdrawnPause = 2 * time.Second
	// maxQuestions bounds the strangers' questions that wait.
	maxQuestions = 16
)

var (
	errAskedAgain = errors.New("the peer has called again, which counts instead")
	errTooMany    = errors.New("too many others ask at the same time, try again later")
)

func newQuestions() *questions {
	return &questions{open: make(map[process]*inquiry), strangers: strangers{declined: make(map[p2p.GUID]time.Time)}}
}

// put waits for its turn, and asks. The error is the reason why there is no answer.
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

// enter notes a question until leave, and withdraws what the same process asked over another link.
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

// mayAskLocked returns why a stranger's question is not even waited for.
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

// passTurnLocked gives the turn to whoever is first, if nobody has it.
func (q *questions) passTurnLocked() {
	if !q.taken && len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		next.holds, q.taken = true, true
		close(next.turn)
	}
}

// await waits for the turn, and for the pauses that are due before a question.
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

// pauses returns how long to wait before asking. A stranger's question may have to wait longer than a
// contact's: it gives the turn back meanwhile, and asks for it again.
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

// leave ends a question, and passes the turn on if it had it.
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
	declinedFor = 10 * time.Minute // the same stranger is not asked about again
	quietFirst  = time.Second      // between questions of strangers, after a no; twice as long after the next
	quietLast   = time.Minute
	maxDeclined = 1024 // strangers that are remembered
)

// strangers is what is known of the answers to strangers' questions.
type strangers struct {
	declined map[p2p.GUID]time.Time // who got a no, and when
	quiet    time.Time              // until when none is asked about
	noes     int                    // in a row
}

func (s *strangers) remembers(now time.Time, peer p2p.GUID) bool {
	at, ok := s.declined[peer]
	return ok && now.Sub(at) < declinedFor
}

// answered takes the answer to a stranger's question.
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
