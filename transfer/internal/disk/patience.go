package disk

import (
	"math/rand/v2"
	"time"
)

// patience is how long a rename waits for another program to close a file.
const patience = 2 * time.Second

// A HeldError says that a file could not be renamed because another program kept it open.
type HeldError struct{ Err error }

func (e *HeldError) Error() string {
	return "another program, such as a virus scanner or an indexer, holds the file: " + e.Err.Error()
}

func (e *HeldError) Unwrap() error { return e.Err }

// patiently calls do, and retries while held reports that another program holds the file open. It retries
// at growing random intervals. After patience, it returns a HeldError.
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
