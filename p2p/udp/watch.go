package udp

import (
	"context"
	"errors"
)

// ErrNoWatch says that the system does not report address changes to this process. The caller has to
// poll.
var ErrNoWatch = errors.New("the system does not report address changes")

// A Watcher is a Network that reports changes of the host's addresses.
type Watcher interface {
	// Watch calls changed after each change, and sometimes without one, until ctx ends; then
	// it returns nil. An error means that it cannot report changes, or not any more.
	Watch(ctx context.Context, changed func()) error
}

// Watch calls n's Watch. It returns ErrNoWatch if n is not a Watcher.
func Watch(ctx context.Context, n Network, changed func()) error {
	if w, ok := n.(Watcher); ok {
		return w.Watch(ctx, changed)
	}
	return ErrNoWatch
}
