package udp

import (
	"context"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// addrGroups are the kernel's multicast groups for links and addresses (rtnetlink(7)).
const addrGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR

// Watch implements Watcher with rtnetlink.
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
		// The content does not matter: the caller reads the addresses itself.
		_, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, unix.ENOBUFS): // ENOBUFS: messages were dropped
			return errors.Join(ErrNoWatch, err)
		}
		changed()
	}
}
