//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package udp

import (
	"context"
	"errors"
	"os"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// Watch implements Watcher with a routing socket (route(4)).
func (System) Watch(ctx context.Context, changed func()) error {
	f, err := routingSocket()
	if err != nil {
		return errors.Join(ErrNoWatch, err)
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer func() {
		if stop() {
			f.Close()
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := f.Read(b)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS): // messages were dropped
			changed()
		case err != nil:
			return errors.Join(ErrNoWatch, err)
		case isAboutAddrs(b[:n]):
			changed()
		}
	}
}

// routingSocket opens a socket that receives changes of interfaces, addresses and routes.
func routingSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // so that closing it unblocks Read
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "route"), nil
}

// isAboutAddrs reports whether a message is about interfaces or their addresses. There is a message about
// routes for each neighbour that is resolved.
func isAboutAddrs(b []byte) bool {
	messages, err := route.ParseRIB(route.RIBTypeRoute, b)
	if err != nil {
		return true // a newer kind of message
	}
	for _, m := range messages {
		if _, isRoute := m.(*route.RouteMessage); !isRoute {
			return true
		}
	}
	return false
}
