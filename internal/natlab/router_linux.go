package natlab

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
)

// A Kind is a router's mapping and filtering behaviour, in the terms of RFC 4787.
type Kind int

const (
	FullCone          Kind = iota // endpoint-independent mapping and filtering
	AddressRestricted             // endpoint-independent mapping, address-dependent filtering
	PortRestricted                // endpoint-independent mapping, address- and port-dependent filtering: an ordinary Linux router
	Symmetric                     // address- and port-dependent mapping at random ports, and filtering
	// BareMasquerade is PortRestricted without the rule that drops packets addressed to
	// the router itself. A packet from outside that arrives before the first one from
	// inside then changes the mapping.
	BareMasquerade
	// SymmetricSequential is Symmetric with consecutive ports.
	SymmetricSequential
)

func (k Kind) String() string {
	return [...]string{"full cone", "address-restricted", "port-restricted", "symmetric", "bare masquerade", "symmetric sequential"}[k]
}

// The names of a router's devices.
const (
	wan = "wan"
	lan = "lan"
)

// A Router is a namespace in which the kernel translates addresses between the devices "wan"
// and "lan".
type Router struct {
	node
	inner   *segment
	gateway netip.Addr        // inner address, if Gateway gave one
	ports   map[uint16]uint16 // inner to outer, set by Remap

	sequential bool // SymmetricSequential
}

func (l *Lab) router(seg *segment, link Link, addr string, kind Kind) *Router {
	l.t.Helper()
	r := &Router{node: l.node(seg, wan, link, []string{addr}), inner: l.segment(0), ports: make(map[uint16]uint16)}
	r.inner.setGateway(l.plug(r.ns, r.inner, lan, Link{}))
	r.inner.route = func(a netip.Addr) error {
		return r.ns.do(func() error { return addRoute(lan, hostNet(a)) })
	}
	l.must(r.ns.do(func() error {
		if err := setSysctl("ipv4/ip_forward", "1"); err != nil {
			return err
		}
		return translate(kind)
	}))
	r.sequential = kind == SymmetricSequential
	r.countUp()
	return r
}

// Host adds a host behind the router. Its link has no delay.
func (r *Router) Host(addr string) *Host {
	r.lab.t.Helper()
	h := r.lab.host(r.inner, Link{}, []string{addr})
	if r.gateway.IsValid() {
		r.lab.must(h.ns.do(func() error { return via(h.device, r.gateway) }))
	}
	return h
}

// Router adds a router behind the router. Its link has no delay.
func (r *Router) Router(addr string, kind Kind) *Router {
	r.lab.t.Helper()
	return r.lab.router(r.inner, Link{}, addr, kind)
}

// SetTimeout sets how long a UDP mapping lives without traffic, in whole seconds. The
// kernel's defaults are 30 s, and 120 s once both sides have sent for a while.
func (r *Router) SetTimeout(d time.Duration) {
	r.lab.t.Helper()
	seconds := strconv.Itoa(int(d.Seconds()))
	r.lab.must(r.ns.do(func() error {
		if err := setSysctl("netfilter/nf_conntrack_udp_timeout", seconds); err != nil {
			return err
		}
		return setSysctl("netfilter/nf_conntrack_udp_timeout_stream", seconds)
	}))
}

// Flush removes all mappings, as a restart of the router does. New mappings have the same
// ports, since Linux keeps port numbers where it can; but no packet gets in until one goes out.
func (r *Router) Flush() {
	r.lab.t.Helper()
	r.lab.must(r.ns.do(func() error {
		if err := forgetSets(); err != nil {
			return err
		}
		return netlink.ConntrackTableFlush(netlink.ConntrackTable)
	}))
}

// Remap maps a UDP port of the inner hosts to another outer port from now on, and removes all
// mappings. It is for PortRestricted: the mapping is endpoint-independent for that port even
// on a Symmetric router, and the filter stays address- and port-dependent.
func (r *Router) Remap(inner, outer uint16) {
	r.lab.t.Helper()
	r.ports[inner] = outer
	r.remap()
}

// Readdress gives the router another outer address, and removes all mappings.
func (r *Router) Readdress(addr string) {
	r.lab.t.Helper()
	r.node.Readdress(addr)
	r.countUp()
	r.remap()
}

func (r *Router) countUp() {
	r.lab.t.Helper()
	if r.sequential {
		r.lab.must(r.ns.do(func() error { return countUp(r.addrs[0]) }))
	}
}

func (r *Router) remap() {
	r.lab.t.Helper()
	r.lab.must(r.ns.do(func() error { return remap(r.ports, r.addrs[0]) }))
	r.Flush()
}

// Hairpin lets hosts behind the router reach each other by its outer address, which is not
// possible by default. It is for FullCone and AddressRestricted, and lasts until the router
// gets another address.
func (r *Router) Hairpin() {
	r.lab.t.Helper()
	r.lab.must(r.ns.do(func() error { return hairpin(r.addrs[0]) }))
}

// BlockUDP drops all forwarded UDP packets except DNS.
func (r *Router) BlockUDP() {
	r.lab.t.Helper()
	r.lab.must(r.ns.do(blockUDP))
}

// AllowUDP ends a BlockUDP.
func (r *Router) AllowUDP() {
	r.lab.t.Helper()
	r.lab.must(r.ns.do(allowUDP))
}

// DropLonger silently drops forwarded packets of more than n bytes, headers included: no ICMP
// message is sent.
func (r *Router) DropLonger(n int) {
	r.lab.t.Helper()
	r.lab.must(r.ns.do(func() error { return dropLonger(uint32(n)) }))
}
