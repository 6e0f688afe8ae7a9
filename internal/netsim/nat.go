package netsim

import (
	"net/netip"
	"time"
)

// A Kind is how a NAT maps and filters, in the terms of RFC 4787.
type Kind int

const (
	FullCone            Kind = iota // endpoint-independent mapping and filtering
	AddressRestricted               // endpoint-independent mapping, address-dependent filtering
	PortRestricted                  // endpoint-independent mapping, address- and port-dependent filtering
	Symmetric                       // address- and port-dependent mapping at random ports, and filtering
	SymmetricSequential             // the same with each port the one after the last
	// BareMasquerade is a Linux router that drops nothing on INPUT: it is
	// PortRestricted, but a datagram from outside to a port that nobody has
	// from there is taken for the router's own and remembered, and what then
	// goes out from the same port to the same place is mapped to another.
	BareMasquerade
)

func (k Kind) String() string {
	return [...]string{"full cone", "address-restricted", "port-restricted",
		"symmetric", "symmetric sequential", "bare masquerade"}[k]
}

func (k Kind) symmetric() bool { return k == Symmetric || k == SymmetricSequential }

// DefaultTimeout is how long a mapping lives without traffic.
const DefaultTimeout = 30 * time.Second

// A NAT stands between the realm it embeds, whose hosts are behind it, and the
// one it was made in.
type NAT struct {
	*Realm // the inner one
	access

	outer    *Realm
	addr     netip.Addr
	kind     Kind
	timeout  time.Duration
	hairpin  bool
	preserve bool               // ports are kept where they are free
	jammed   map[ends]time.Time // when it last swallowed something of them

	table
}

// SetTimeout sets how long a mapping lives without traffic.
func (t *NAT) SetTimeout(d time.Duration) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.timeout = d
}

// SetHairpin sets whether hosts behind the NAT reach each other by its outer
// address; at first they do not.
func (t *NAT) SetHairpin(on bool) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.hairpin = on
}

// Addr returns the outer address.
func (t *NAT) Addr() netip.Addr {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	return t.addr
}

// Flush forgets all mappings, as a router does that starts again: the same
// ports are given anew if they are asked for from within.
func (t *NAT) Flush() {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.clear()
}

// Rebind forgets all mappings, and gives other ports from now on.
func (t *NAT) Rebind() {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.clear()
	t.preserve = false
}

// Jam has the NAT swallow what its hosts send by the flows that they have now, each for as long as they do
// not pause. So do routers whose rules were loaded anew while packets passed.
func (t *NAT) Jam() {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.jammed = make(map[ends]time.Time)
	for e := range t.flows {
		t.jammed[e] = time.Now()
	}
	t.clear()
}

// swallows reports whether the flow is jammed.
func (t *NAT) swallows(e ends) bool {
	at, ok := t.jammed[e]
	if !ok || !t.alive(at) {
		return false
	}
	t.jammed[e] = time.Now()
	return true
}

// Readdress gives the NAT another outer address, and forgets all mappings.
func (t *NAT) Readdress(addr string) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	delete(t.outer.nodes, t.addr)
	t.addr = t.outer.add(addr, t)
	t.clear()
}

// Forward maps an outer port to a host behind for good, open to all, like a
// port mapping by PCP or by hand.
func (t *NAT) Forward(port uint16, to netip.AddrPort) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.forwards[port] = to
}

// send takes a packet from within that is for elsewhere.
func (t *NAT) send(p packet) {
	if p.ttl--; p.ttl <= 0 {
		t.outer.net.tell("time to live exceeded", p)
		return
	}
	if p.dst.Addr().Is6() != t.addr.Is6() {
		t.outer.net.tell("no route", p)
		return
	}
	toSelf := p.dst.Addr() == t.addr
	if toSelf && !t.hairpin {
		t.outer.net.tell("no hairpin", p)
		return
	}
	if t.swallows(ends{p.src, p.dst}) {
		t.outer.net.tell("jammed", p)
		return
	}
	p.src = netip.AddrPortFrom(t.addr, t.outward(p.src, p.dst))
	if toSelf {
		p.ttl++ // it is forwarded once
		t.enter(p)
		return
	}
	p.realm = t.outer
	t.up.push(p)
}

// enter lets a packet in, if the table has a place for it. As in the Linux kernel the table
// sees it before its time to live is looked at: a packet that gets no further
// than the NAT leaves its trace there all the same.
func (t *NAT) enter(p packet) {
	to, ok := t.inward(p.dst.Port(), p.src)
	if !ok {
		t.outer.net.tell("filtered", p)
		return
	}
	if p.ttl--; p.ttl <= 0 {
		t.outer.net.tell("time to live exceeded", p)
		return
	}
	p.realm, p.dst = t.Realm, to
	t.Realm.deliver(p)
}
