//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package udp

import (
	"context"
	"errors"
	"os"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// Watch implements Watcher by a routing socket (route(4)).
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
		case errors.Is(err, unix.ENOBUFS): // too much came at once
			changed()
		case err != nil:
			return errors.Join(ErrNoWatch, err)
		case isOfAddrs(b[:n]):
			changed()
		}
	}
}

// routingSocket opens a socket on which the kernel tells of interfaces, addresses and routes.
func routingSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // so that closing it ends a Read
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "route"), nil
}

// isOfAddrs tells whether a message is about interfaces or their addresses. Those about routes come
// with each neighbour that is looked up.
func isOfAddrs(b []byte) bool {
	messages, err := route.ParseRIB(route.RIBTypeRoute, b)
	if err != nil {
		return true // a kind that is newer than this program
	}
	for _, m := range messages {
		if _, isRoute := m.(*route.RouteMessage); !isRoute {
			return true
		}
	}
	return false
}
