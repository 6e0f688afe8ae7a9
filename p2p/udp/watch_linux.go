package udp

import (
	"context"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// addrGroups are the kernel's multicast groups that tell of links and addresses
// (rtnetlink(7)).
const addrGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR

// Watch implements Watcher by rtnetlink.
func (System) Watch(ctx context.Context, changed func()) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: addrGroups})
	if err != nil {
		return errors.Join(ErrNoWatch, err)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer func() {
		if stop() {
			c.Close()
		}
	}()
	for {
		// What the messages say does not matter: the caller looks for itself.
		_, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, unix.ENOBUFS): // that one: too much came at once
			return errors.Join(ErrNoWatch, err)
		}
		changed()
	}
}
