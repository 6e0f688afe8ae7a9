package cmd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p"
)

// answers returns a user who says yes after a while.
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

// After a question was withdrawn, because its peer left or asked again, there is a pause before the
// next: its answer must not count for another question.
func TestPauseAfterWithdrawal(t *testing.T) {
	for name, c := range map[string]struct {
		next    process
		waits   time.Duration // before the next question
		patient time.Duration // until the first peer leaves
		first   error         // the result of the withdrawn question
	}{
		"the same peer calls again":         {process{bob, 1}, 10 * time.Second, time.Hour, errAskedAgain},
		"the peer leaves, another one asks": {process{carol, 1}, time.Second, 10 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, start := newQuestions(), time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), c.patient)
				defer cancel()
				first := make(chan error)
				go func() {
					_, err := q.put(ctx, asking{process{bob, 1}, new(p2p.Link), true}, answers(time.Hour))
					first <- err
				}()
				time.Sleep(c.waits)
				asked := make(chan time.Duration, 1)
				go q.put(t.Context(), asking{c.next, new(p2p.Link), true}, func(context.Context) (bool, error) {
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

// Answered questions follow each other at once and in order. A question whose peer has left is
// not asked.
func TestQuestionsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, start := newQuestions(), time.Now()
		go q.put(t.Context(), asking{process: process{bob, 1}, contact: true}, answers(time.Minute))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.put(ctx, asking{process: process{carol, 1}, contact: true}, answers(0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("question of a peer that left: %v", err)
		}
		yes, err := q.put(t.Context(), asking{process: process{carol, 1}, contact: true}, answers(time.Minute))
		if took := time.Since(start); !yes || err != nil || took != 2*time.Minute {
			t.Errorf("%v, %v after %v", yes, err, took)
		}
		if len(q.open) != 0 {
			t.Errorf("%d questions are kept", len(q.open))
		}
	})
}

// The questions of two processes of one contact are asked one after the other; neither withdraws the
// other.
func TestQuestionsOfTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuestions()
		results := make(chan error, 2)
		for instance := range uint64(2) {
			go func() {
				yes, err := q.put(t.Context(), asking{process{bob, instance}, new(p2p.Link), true}, answers(time.Minute))
				if err == nil && !yes {
					err = errors.New("the answer was no")
				}
				results <- err
			}()
		}
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// Each stranger asks once, with growing pauses while they are declined, and never before a contact.
func TestQuestionsOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, start := newQuestions(), time.Now()
		says := func(yes bool) func(context.Context) (bool, error) {
			return func(context.Context) (bool, error) { return yes, nil }
		}
		stranger := func(n byte) asking { return asking{process: process{p2p.GUID{n}, 1}} }
		asked := 0
		for round := range 3 {
			for n := range byte(8) {
				yes, err := q.put(t.Context(), stranger(n), func(context.Context) (bool, error) {
					asked++
					return false, nil
				})
				if yes || round > 0 && !errors.Is(err, errDeclined) {
					t.Errorf("round %d, stranger %d: %v, %v", round, n, yes, err)
				}
			}
		}
		if took := time.Since(start); asked != 8 || took < 100*time.Second {
			t.Errorf("%d questions within %v", asked, took)
		}

		// While a stranger's question has to wait, a contact's does not.
		done := make(chan bool)
		go func() {
			yes, _ := q.put(t.Context(), stranger(100), says(true))
			done <- yes
		}()
		synctest.Wait()
		before := time.Now()
		if yes, err := q.put(t.Context(), asking{process: process{bob, 1}, contact: true}, says(true)); !yes || err != nil || time.Since(before) > 0 {
			t.Errorf("a contact: %v, %v after %v", yes, err, time.Since(before))
		}
		if !<-done {
			t.Error("the stranger's question was never asked")
		}
		// A yes ends the pauses, and a no is forgotten after declinedFor.
		time.Sleep(declinedFor)
		before = time.Now()
		for n := range byte(4) {
			if yes, err := q.put(t.Context(), stranger(n), says(true)); !yes || err != nil || time.Since(before) > 0 {
				t.Errorf("stranger %d, later: %v, %v after %v", n, yes, err, time.Since(before))
			}
		}
	})
}

// Of many strangers a few wait, with one question each, and a contact passes them.
func TestStrangersDoNotFillTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuestions()
		results := make(chan error, 1000)
		for n := range 100 {
			for range 3 {
				go func() {
					_, err := q.put(t.Context(), asking{process: process{p2p.GUID{byte(n), 1}, 1}}, answers(time.Minute))
					results <- err
				}()
			}
		}
		synctest.Wait()
		if n := len(q.open); n > maxQuestions {
			t.Errorf("%d questions are open", n)
		}
		began := time.Now()
		if yes, err := q.put(t.Context(), asking{process: process{bob, 1}, contact: true}, answers(0)); !yes || err != nil {
			t.Errorf("a contact: %v, %v", yes, err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("a contact waited for %v, want no longer than one question", took)
		}
		for range 300 {
			<-results
		}
		if len(q.open)+len(q.waiting) != 0 || q.taken {
			t.Errorf("left: %d questions, %d waiting, taken %v", len(q.open), len(q.waiting), q.taken)
		}
	})
}
