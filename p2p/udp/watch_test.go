package udp

import (
	"context"
	"testing"
	"testing/synctest"
)

// Watch ends with its context.
func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Watch(ctx, System{}, func() {}) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Without a Watcher, Watch fails at once.
func TestNoWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plain struct{ Network }
		if err := Watch(t.Context(), plain, nil); err != ErrNoWatch {
			t.Error(err)
		}
	})
}
