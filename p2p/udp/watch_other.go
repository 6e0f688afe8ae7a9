//go:build !linux

package udp

import "context"

// Watch implements Watcher.
func (System) Watch(context.Context, func()) error { return ErrNoWatch }
