package transfer

import (
	"fmt"
	"sync"
	"time"
)

// A tally counts the outcomes of files, and derives the outcome of the transfer from them.
type tally struct {
	mu    sync.Mutex
	start time.Time
	r     Result

	kinds  map[error]int64 // of failures; at most one for each code
	reason string          // of the first failure
	peer   bool            // the peer reported the first failure
}

func newTally(id [16]byte) *tally {
	return &tally{start: time.Now(), r: Result{ID: id}, kinds: make(map[error]int64)}
}

func (t *tally) setID(id [16]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.r.ID = id
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start = time.Now()
}

// file counts one file. peer says that the peer reported its failure.
func (t *tally) file(s Status, bytes int64, kind error, reason string, peer bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch s {
	case StatusSkipped:
		t.r.Skipped++
	case StatusFailed:
		if t.r.Failed++; t.r.Failed == 1 {
			t.reason, t.peer = reason, peer
		}
		t.kinds[kind]++
	default:
		t.r.Files++
		t.r.Bytes += bytes
	}
}

func (t *tally) result(resumed int64) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.r
	r.ResumedBytes, r.Duration = resumed, time.Since(t.start)
	return r
}

// err returns the error for the failed files, or nil. Its kind is ErrIntegrity if any file
// failed with that, the common kind if all files failed with the same, and else ErrPartial.
func (t *tally) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.r.Failed == 0 {
		return nil
	}
	e := &Error{Kind: ErrPartial, Resumable: true, Reason: fmt.Sprintf("%d of %d", t.r.Failed, t.r.Failed+t.r.Files+t.r.Skipped)}
	if t.r.Failed == 1 {
		e.Reason, e.Peer = t.reason, t.peer
	}
	if t.kinds[ErrIntegrity] > 0 {
		e.Kind = ErrIntegrity
	} else if t.r.Files+t.r.Skipped == 0 && len(t.kinds) == 1 {
		for k := range t.kinds {
			if k != nil {
				e.Kind = k
			}
		}
	}
	return e
}
