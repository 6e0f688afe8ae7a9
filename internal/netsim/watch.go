package netsim

import (
	"context"

	"p2ptool/p2p/udp"
)

var _ udp.Watcher = (*Host)(nil)

// Watch implements udp.Watcher.
func (h *Host) Watch(ctx context.Context, changed func()) error {
	news := make(chan struct{}, 1)
	h.net.mu.Lock()
	h.watches = append(h.watches, news)
	h.net.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-news:
			changed()
		}
	}
}

// changedLocked notifies all watchers of changed addresses.
func (h *Host) changedLocked() {
	for _, news := range h.watches {
		select {
		case news <- struct{}{}:
		default:
		}
	}
}
