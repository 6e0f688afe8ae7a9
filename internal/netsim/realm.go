package netsim

import (
	"fmt"
	"net/netip"
)

// A Realm is an address space: the internet, or the network behind a NAT.
type Realm struct {
	net     *Net
	gateway *NAT // nil: this is the internet
	nodes   map[netip.Addr]node
	narrow  map[[2]netip.Addr]int // the largest payload by source and destination
}

// A node is a host, or the outer side of a NAT.
type node interface{ downlink() *pipe }

// Host adds a host with the given addresses. It panics if an address is malformed or taken.
func (r *Realm) Host(addrs ...string) *Host {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	h := &Host{conns: make(map[netip.AddrPort]*conn)}
	h.init(r.net, h.receive)
	h.attach(r, addrs)
	return h
}

// NAT adds a NAT with the given outer address. Add hosts to the NAT itself.
func (r *Realm) NAT(addr string, kind Kind) *NAT {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	t := &NAT{outer: r, kind: kind, timeout: DefaultTimeout, preserve: true}
	t.Realm = &Realm{net: r.net, gateway: t, nodes: make(map[netip.Addr]node)}
	t.init(r.net, t.enter)
	t.addr = r.add(addr, t)
	t.clear()
	return t
}

// Narrow silently drops payloads longer than mtu bytes between two addresses, in both directions; 0 is
// no limit.
func (r *Realm) Narrow(a, b string, mtu int) {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	if r.narrow == nil {
		r.narrow = make(map[[2]netip.Addr]int)
	}
	one, two := netip.MustParseAddr(a), netip.MustParseAddr(b)
	r.narrow[[2]netip.Addr{one, two}], r.narrow[[2]netip.Addr{two, one}] = mtu, mtu
}

// passes removes the datagrams that are too long between two addresses, and reports whether any are
// left.
func (r *Realm) passes(p *packet) bool {
	mtu := r.narrow[[2]netip.Addr{p.src.Addr(), p.dst.Addr()}]
	if mtu == 0 || p.size <= mtu {
		return true
	}
	r.net.trace("over MTU", *p)
	last := p.data[len(p.data)-(len(p.data)-1)%p.size-1:] // only the last may be shorter
	if len(last) > mtu {
		return false
	}
	p.data, p.size = last, len(last)
	return true
}

// add registers the address of a node.
func (r *Realm) add(addr string, n node) netip.Addr {
	ip := netip.MustParseAddr(addr).Unmap()
	if r.nodes[ip] != nil || !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() {
		panic(fmt.Sprintf("netsim: address %v is taken or is not a host address", ip))
	}
	r.nodes[ip] = n
	return ip
}

// forward forwards a packet that has come up a link.
func (r *Realm) forward(p packet) {
	if r.gateway == nil {
		if p.ttl -= r.net.hops; p.ttl <= 0 {
			r.net.trace("time to live exceeded", p)
			return
		}
	}
	if r.nodes[p.dst.Addr()] == nil && r.gateway != nil {
		r.gateway.send(p)
		return
	}
	r.deliver(p)
}

// deliver sends a packet down the link of the node with its address.
func (r *Realm) deliver(p packet) {
	if n := r.nodes[p.dst.Addr()]; n != nil {
		if !r.passes(&p) {
			return
		}
		n.downlink().push(p)
		return
	}
	r.net.trace("no such address", p)
}
