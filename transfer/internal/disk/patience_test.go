package disk

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// patiently waits for a file that another program holds, but not long. It does not wait after other errors.
func TestPatiently(t *testing.T) {
	t.Parallel()
	errHeld, errOther := errors.New("held"), errors.New("other")
	held := func(err error) bool { return err == errHeld }
	for _, test := range []struct {
		name     string
		freed    time.Duration // after which do succeeds
		err      error
		min, max time.Duration // that it takes
	}{
		{"free", 0, errHeld, 0, 0},
		{"soon free", time.Second, errHeld, time.Second, time.Second + 300*time.Millisecond},
		{"never free", time.Hour, errHeld, patience, patience + 300*time.Millisecond},
		{"another error", time.Hour, errOther, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			err := patiently(held, func() error {
				if time.Since(begun) >= test.freed {
					return nil
				}
				return test.err
			})
			if took := time.Since(begun); took < test.min || took > test.max {
				t.Errorf("%s: took %v", test.name, took)
			}
			var heldError *HeldError
			if want := test.name == "never free"; errors.As(err, &heldError) != want || want && !errors.Is(err, errHeld) {
				t.Errorf("%s: %v", test.name, err)
			}
			if test.freed == time.Hour && err == nil || test.freed < time.Hour && err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		})
	}
}
