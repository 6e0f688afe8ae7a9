package netsim

import (
	"net/netip"
	"time"
)

// A table is the state of a NAT.
type table struct {
	bindings map[netip.AddrPort]*binding // endpoint-independent mappings by inner endpoint
	ports    map[uint16]*binding         // the same by outer port
	flows    map[ends]*flow              // by inner and remote endpoint
	tuples   map[tuple]*flow             // the same by outer port and remote endpoint
	forwards map[uint16]netip.AddrPort
	next     uint16 // the next port of SymmetricSequential
}

// A binding is the outer port of an inner endpoint, for all destinations.
type binding struct {
	inner netip.AddrPort
	port  uint16
	used  time.Time
	sent  map[netip.Addr]time.Time // when it last sent to an address
}

// A flow is the state for one inner and one remote endpoint.
type flow struct {
	inner netip.AddrPort // invalid: the NAT itself
	port  uint16
	used  time.Time
}

type ends struct{ inner, remote netip.AddrPort }

type tuple struct {
	port   uint16
	remote netip.AddrPort
}

// clear drops everything except forwards.
func (t *NAT) clear() {
	forwards := t.forwards
	if forwards == nil {
		forwards = make(map[uint16]netip.AddrPort)
	}
	t.table = table{
		bindings: make(map[netip.AddrPort]*binding),
		ports:    make(map[uint16]*binding),
		flows:    make(map[ends]*flow),
		tuples:   make(map[tuple]*flow),
		forwards: forwards,
		next:     t.randomPort(),
	}
}

// alive reports whether an entry that was last used then has not expired.
func (t *NAT) alive(used time.Time) bool { return time.Since(used) < t.timeout }

// outward returns the outer port for packets from inner to remote.
func (t *NAT) outward(inner, remote netip.AddrPort) uint16 {
	now := time.Now()
	f := t.flows[ends{inner, remote}]
	if f == nil || !t.alive(f.used) {
		f = &flow{inner: inner, port: t.choose(inner, remote)}
		t.flows[ends{inner, remote}] = f
		t.tuples[tuple{f.port, remote}] = f
	}
	f.used = now
	if b := t.ports[f.port]; b != nil && b.inner == inner {
		b.used, b.sent[remote.Addr()] = now, now
	}
	return f.port
}

// inward returns the inner endpoint for packets from remote to an outer port.
func (t *NAT) inward(port uint16, remote netip.AddrPort) (inner netip.AddrPort, ok bool) {
	if to, ok := t.forwards[port]; ok {
		return to, true
	}
	now := time.Now()
	b := t.ports[port]
	if f := t.tuples[tuple{port, remote}]; f != nil && t.alive(f.used) {
		f.used = now
		if b != nil && b.inner == f.inner {
			b.used = now
		}
		return f.inner, f.inner.IsValid()
	}
	if b != nil && t.alive(b.used) && t.open(b, remote) {
		b.used = now
		return b.inner, true
	}
	if t.kind == BareMasquerade {
		t.tuples[tuple{port, remote}] = &flow{port: port, used: now}
	}
	return netip.AddrPort{}, false
}

// open reports whether a remote endpoint without a flow may reach b.
func (t *NAT) open(b *binding, remote netip.AddrPort) bool {
	switch t.kind {
	case FullCone:
		return true
	case AddressRestricted:
		sent, ok := b.sent[remote.Addr()]
		return ok && t.alive(sent)
	default:
		return false
	}
}

// choose returns the outer port of a new flow.
func (t *NAT) choose(inner, remote netip.AddrPort) uint16 {
	switch t.kind {
	case Symmetric:
		return t.freePort(remote)
	case SymmetricSequential:
		return t.nextPort(remote)
	}
	b := t.bindings[inner]
	if b == nil || !t.alive(b.used) {
		b = t.bind(inner, remote)
	}
	if f := t.tuples[tuple{b.port, remote}]; f != nil && t.alive(f.used) && f.inner != inner {
		return t.freePort(remote)
	}
	return b.port
}

// bind gives an inner endpoint its own outer port.
func (t *NAT) bind(inner, remote netip.AddrPort) *binding {
	if old := t.bindings[inner]; old != nil {
		delete(t.ports, old.port)
	}
	port := inner.Port()
	if !t.preserve || t.taken(port) {
		port = t.freePort(remote)
	}
	b := &binding{inner: inner, port: port, sent: make(map[netip.Addr]time.Time)}
	if old := t.ports[port]; old != nil {
		delete(t.bindings, old.inner)
	}
	t.bindings[inner], t.ports[port] = b, b
	return b
}

// taken reports whether a port belongs to an inner endpoint.
func (t *NAT) taken(port uint16) bool {
	if _, ok := t.forwards[port]; ok {
		return true
	}
	b := t.ports[port]
	return b != nil && t.alive(b.used)
}

// usable reports whether a port is free for a new flow to remote.
func (t *NAT) usable(port uint16, remote netip.AddrPort) bool {
	f := t.tuples[tuple{port, remote}]
	return !t.taken(port) && (f == nil || !t.alive(f.used))
}

// freePort returns a random free port. It hangs if there is none, which no test should cause.
func (t *NAT) freePort(remote netip.AddrPort) uint16 {
	for {
		if port := t.randomPort(); t.usable(port, remote) {
			return port
		}
	}
}

func (t *NAT) nextPort(remote netip.AddrPort) uint16 {
	for {
		port := t.next
		if t.next++; t.next == 0 {
			t.next = 1024
		}
		if t.usable(port, remote) {
			return port
		}
	}
}

// randomPort returns a random port that is not well-known.
func (t *NAT) randomPort() uint16 { return uint16(1024 + t.outer.net.rng.IntN(1<<16-1024)) }
