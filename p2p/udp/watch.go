package udp

import (
	"context"
	"errors"
)

// ErrNoWatch says that the system does not tell of changes, or not to us; who
// wants to know has to look by itself.
var ErrNoWatch = errors.New("the system does not tell when addresses change")

// A Watcher is a Network that tells when the host's addresses change.
type Watcher interface {
	// Watch calls changed after each change, now and then without one, until
	// ctx ends; then it returns nil. Its error says that it cannot tell, or not
	// any more.
	Watch(ctx context.Context, changed func()) error
}

// Watch watches n as Watcher says; the error is ErrNoWatch where n is none.
func Watch(ctx context.Context, n Network, changed func()) error {
	if w, ok := n.(Watcher); ok {
		return w.Watch(ctx, changed)
	}
	return ErrNoWatch
}
