package cmd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p"
)

// answers is a person who takes so long, and then says yes.
func answers(after time.Duration) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		select {
		case <-time.After(after):
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// Whoever takes a question back, by leaving or by asking another one, does not get the answer to it
// for the next: nothing is asked for a moment.
func TestNothingIsAskedJustAfterAWithdrawal(t *testing.T) {
	for name, c := range map[string]struct {
		next    p2p.GUID
		waits   time.Duration // before it asks
		patient time.Duration // the first, before it leaves
		first   error         // of the question that was withdrawn
	}{
		"the same peer calls again":         {bob, 10 * time.Second, time.Hour, errAskedAgain},
		"the peer leaves, another one asks": {carol, time.Second, 10 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, start := newQuestions(), time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), c.patient)
				defer cancel()
				first := make(chan error)
				go func() {
					_, err := q.put(ctx, bob, new(p2p.Link), answers(time.Hour))
					first <- err
				}()
				time.Sleep(c.waits)
				asked := make(chan time.Duration, 1)
				go q.put(t.Context(), c.next, new(p2p.Link), func(context.Context) (bool, error) {
					asked <- time.Since(start)
					return true, nil
				})
				if err := <-first; !errors.Is(err, c.first) {
					t.Errorf("the first question: %v", err)
				}
				if got, want := <-asked, 10*time.Second+withdrawnPause; got != want {
					t.Errorf("asked after %v, not %v", got, want)
				}
			})
		})
	}
}

// Questions that are answered follow each other at once, in turn, and one whose asker has
// left is not asked.
func TestQuestionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, start := newQuestions(), time.Now()
		go q.put(t.Context(), bob, nil, answers(time.Minute))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.put(ctx, carol, nil, answers(0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a question of one who left: %v", err)
		}
		yes, err := q.put(t.Context(), carol, nil, answers(time.Minute))
		if took := time.Since(start); !yes || err != nil || took != 2*time.Minute {
			t.Errorf("%v, %v after %v", yes, err, took)
		}
		if len(q.open) != 0 {
			t.Errorf("%d questions are kept", len(q.open))
		}
	})
}
