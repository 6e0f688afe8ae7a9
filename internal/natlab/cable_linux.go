package natlab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Cable joins two new hosts by an Ethernet cable, which carries broadcasts and
// multicasts as segments do not. The addresses are as "192.168.7.2/24". The hosts
// reach nobody else, and have no link that can be set.
func (l *Lab) Cable(a, b string) (*Host, *Host) {
	l.t.Helper()
	ends := [2]*Host{}
	for i := range ends {
		ns, err := newNamespace()
		l.must(err)
		l.spaces = append(l.spaces, ns)
		ends[i] = &Host{node{lab: l, ns: ns, device: "eth0"}}
	}
	l.must(ends[0].ns.do(func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0",
			PeerNamespace: netlink.NsFd(ends[1].ns.handle),
		})
	}))
	for i, addr := range []string{a, b} {
		l.must(ends[i].ns.do(func() error { return wire("eth0", addr) }))
	}
	return ends[0], ends[1]
}

// wire gives a device an address with its network, and brings it up.
func wire(device, addr string) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", addr, err)
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}
