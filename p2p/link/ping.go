package link

import (
	"context"
	"time"
)

// Ping measures a round trip on the path in use.
func (l *Link) Ping(ctx context.Context) (time.Duration, Path, error) {
	answer := make(chan time.Duration, 1)
	if !l.do(func() {
		if l.chosen != nil {
			l.ping(l.chosen, func(d time.Duration) { answer <- d })
		}
	}) {
		return 0, Path{}, l.Err()
	}
	select {
	case d := <-answer:
		return d, l.Path(), nil
	case <-l.done:
		return 0, Path{}, l.Err()
	case <-ctx.Done():
		return 0, l.Path(), context.Cause(ctx)
	}
}
