package udp

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Watch implements Watcher with NotifyUnicastIpAddressChange.
func (System) Watch(ctx context.Context, changed func()) error {
	w := &addrWatch{changes: make(chan struct{}, 1)}
	var pin runtime.Pinner
	pin.Pin(w) // the system holds a pointer to it
	defer pin.Unpin()
	var handle windows.Handle
	if err := windows.NotifyUnicastIpAddressChange(windows.AF_UNSPEC, onAddrChange(), unsafe.Pointer(w), false, &handle); err != nil {
		return errors.Join(ErrNoWatch, err)
	}
	// It waits for running callbacks, so a callback must not call it.
	defer windows.CancelMibChangeNotify2(handle)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.changes:
			changed()
		}
	}
}

// An addrWatch connects the system's callback to one Watch.
type addrWatch struct{ changes chan struct{} }

// onAddrChange returns the callback, a PUNICAST_IPADDRESS_CHANGE_CALLBACK, which the system calls on a
// thread of its own. It is created once, since callbacks are never freed.
var onAddrChange = sync.OnceValue(func() uintptr {
	return windows.NewCallback(func(w *addrWatch, _, _ uintptr) uintptr {
		select {
		case w.changes <- struct{}{}:
		default:
		}
		return 0
	})
})
