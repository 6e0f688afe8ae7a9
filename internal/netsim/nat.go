package netsim

import (
	"net/netip"
	"time"
)

// A Kind is how a NAT maps and filters (RFC 4787).
type Kind int

const (
	FullCone            Kind = iota // endpoint-independent mapping and filtering
	AddressRestricted               // endpoint-independent mapping, address-dependent filtering
	PortRestricted                  // endpoint-independent mapping, address- and port-dependent filtering
	Symmetric                       // address- and port-dependent mapping at random ports, and filtering
	SymmetricSequential             // the same with sequential ports
	// BareMasquerade is a Linux router that drops nothing on INPUT. It is like PortRestricted, but
	// a datagram from outside that belongs to no mapping creates a flow to the router itself.
	// Datagrams that a host then sends from that port to that remote endpoint are mapped to
	// another port.
	BareMasquerade
)

func (k Kind) String() string {
	return [...]string{"full cone", "address-restricted", "port-restricted",
		"symmetric", "symmetric sequential", "bare masquerade"}[k]
}

func (k Kind) symmetric() bool { return k == Symmetric || k == SymmetricSequential }

// DefaultTimeout is how long a mapping lasts without traffic.
const DefaultTimeout = 30 * time.Second

// A NAT connects the realm that it embeds, with the hosts behind it, to the realm that it was added
// to.
type NAT struct {
	*Realm // the inner one
	access

	outer    *Realm
	addr     netip.Addr
	kind     Kind
	timeout  time.Duration
	hairpin  bool
	preserve bool               // free ports are preserved
	jammed   map[ends]time.Time // when it last dropped a packet of the flow

	table
}

// SetTimeout sets how long a mapping lasts without traffic.
func (t *NAT) SetTimeout(d time.Duration) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.timeout = d
}

// SetHairpin sets whether hosts behind the NAT can reach each other by its outer address. The default
// is false.
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

// Flush drops all mappings, like a restart of the router. The same ports are then used again.
func (t *NAT) Flush() {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.clear()
}

// Rebind drops all mappings, and uses other ports from then on.
func (t *NAT) Rebind() {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.clear()
	t.preserve = false
}

// Jam makes the NAT drop the packets of all current flows, each until it pauses. Some routers do that
// after their rules were reloaded.
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

// Readdress changes the NAT's outer address, and drops all mappings.
func (t *NAT) Readdress(addr string) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	delete(t.outer.nodes, t.addr)
	t.addr = t.outer.add(addr, t)
	t.clear()
}

// Forward maps an outer port to a host permanently and without filtering, like a port mapping by PCP
// or by hand.
func (t *NAT) Forward(port uint16, to netip.AddrPort) {
	t.Realm.net.mu.Lock()
	defer t.Realm.net.mu.Unlock()
	t.forwards[port] = to
}

// send sends a packet from inside to the outer realm.
func (t *NAT) send(p packet) {
	if p.ttl--; p.ttl <= 0 {
		t.outer.net.trace("time to live exceeded", p)
		return
	}
	if p.dst.Addr().Is6() != t.addr.Is6() {
		t.outer.net.trace("no route", p)
		return
	}
	toSelf := p.dst.Addr() == t.addr
	if toSelf && !t.hairpin {
		t.outer.net.trace("no hairpin", p)
		return
	}
	if t.swallows(ends{p.src, p.dst}) {
		t.outer.net.trace("jammed", p)
		return
	}
	p.src = netip.AddrPortFrom(t.addr, t.outward(p.src, p.dst))
	if toSelf {
		p.ttl++ // hairpinning forwards only once
		t.enter(p)
		return
	}
	p.realm = t.outer
	t.up.push(p)
}

// enter lets a packet in if the table allows it. As in the Linux kernel, the table sees a packet
// before its time to live is checked: even a packet that expires at the NAT can change the table.
func (t *NAT) enter(p packet) {
	to, ok := t.inward(p.dst.Port(), p.src)
	if !ok {
		t.outer.net.trace("filtered", p)
		return
	}
	if p.ttl--; p.ttl <= 0 {
		t.outer.net.trace("time to live exceeded", p)
		return
	}
	p.realm, p.dst = t.Realm, to
	t.Realm.deliver(p)
}
