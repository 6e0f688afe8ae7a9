package disk

import (
	"math/rand/v2"
	"time"
)

// patience is how long a rename waits for another program to let go of a file.
const patience = 2 * time.Second

// A HeldError says that another program kept a file open, so that it could not be renamed.
type HeldError struct{ Err error }

func (e *HeldError) Error() string {
	return "another program, such as a virus scanner or an indexer, holds the file: " + e.Err.Error()
}

func (e *HeldError) Unwrap() error { return e.Err }

// patiently calls do until it succeeds or fails with an error that is not that of a held file; for
// as long as patience at most, at random intervals that grow. Then the error is a HeldError.
func patiently(held func(error) bool, do func() error) error {
	deadline := time.Now().Add(patience)
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := do()
		if err == nil || !held(err) {
			return err
		}
		if time.Now().After(deadline) {
			return &HeldError{err}
		}
		time.Sleep(wait/2 + rand.N(wait))
	}
}
