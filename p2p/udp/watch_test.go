package udp

import (
	"context"
	"testing"
	"testing/synctest"
)

// Watching ends with its context, whether something has changed or not.
func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Watch(ctx, System{}, func() {}) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A network that does not tell says so at once.
func TestNoWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plain struct{ Network }
		if err := Watch(t.Context(), plain, nil); err != ErrNoWatch {
			t.Error(err)
		}
	})
}
