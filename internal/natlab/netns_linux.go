package natlab

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A namespace is a network namespace without a name. It exists as long as its handle, or a
// process or socket in it.
type namespace struct{ handle netns.NsHandle }

// newNamespace creates a namespace in which loopback is up.
func newNamespace() (*namespace, error) {
	ns := &namespace{netns.None()}
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		ns.handle, err = netns.Get()
		return err
	})
	if err != nil {
		return nil, err
	}
	return ns, ns.do(func() error { return linkUp("lo") })
}

// do calls f on a thread in the namespace. Goroutines that f starts are not in it.
func (ns *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(ns.handle); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return f()
	})
}

func (ns *namespace) close() { _ = ns.handle.Close() }

// onThread calls f on a thread of its own, and takes the thread back to the
// namespace it was in. A thread that cannot go back ends.
func onThread(f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		home, e := netns.Get()
		if e != nil {
			err = e
			return
		}
		defer func() {
			if netns.Set(home) == nil {
				runtime.UnlockOSThread()
			}
			home.Close()
		}()
		err = f()
	}()
	<-done
	return err
}

// linkUp and the functions below act on the namespace of the calling thread.
func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	return netlink.LinkSetUp(link)
}

// setSysctl writes a file of /proc/sys/net, which shows the thread's own.
func setSysctl(path, value string) error {
	return os.WriteFile("/proc/sys/net/"+path, []byte(value), 0o644)
}
