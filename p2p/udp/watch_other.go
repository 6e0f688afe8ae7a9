//go:build !linux && !windows && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package udp

import "context"

// Watch implements Watcher.
func (System) Watch(context.Context, func()) error { return ErrNoWatch }
