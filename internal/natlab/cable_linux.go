package natlab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Cable connects two new hosts by an Ethernet cable. Unlike a segment, it carries broadcasts
// and multicasts. An address is written as "192.168.7.2/24"; without one a host has only its
// IPv6 link-local address. The hosts reach nobody else, and Link has no effect on them.
func (l *Lab) Cable(a, b string) (*Host, *Host) { return l.cable(true, a, b) }

// CableOf is like Cable, but the hosts have these addresses alone, no IPv6 link-local ones.
func (l *Lab) CableOf(a, b string) (*Host, *Host) { return l.cable(false, a, b) }

func (l *Lab) cable(linkLocal bool, a, b string) (*Host, *Host) {
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
		l.must(ends[i].ns.do(func() error { return wire("eth0", addr, linkLocal) }))
	}
	return ends[0], ends[1]
}

// wire brings a device up and gives it an address with its network. IPv6 addresses skip
// duplicate detection, so that they can be used at once.
func wire(device, addr string, linkLocal bool) error {
	if err := setSysctl("ipv6/conf/"+device+"/accept_dad", "0"); err != nil {
		return err
	}
	if !linkLocal {
		if err := setSysctl("ipv6/conf/"+device+"/addr_gen_mode", "1"); err != nil {
			return err
		}
	}
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	if addr == "" {
		return netlink.LinkSetUp(link)
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
