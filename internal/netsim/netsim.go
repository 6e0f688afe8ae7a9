// Package netsim is a network in memory, for tests: hosts with access links
// that delay, lose, duplicate, reorder and queue, and NATs between them.
//
//	n := netsim.New(1)
//	server := n.Host("203.0.113.1")
//	nat := n.NAT("198.51.100.1", netsim.PortRestricted)
//	a := nat.Host("192.168.1.2")
//	a.Link(netsim.Link{Delay: 10 * time.Millisecond, Loss: 0.05})
//	conn, err := a.Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
//
// A datagram takes the access links of all hosts and NATs on its way, each
// one-way: up from the sender and its NATs, down through the receiver's NATs
// to the receiver. Between them lies an internet that costs hops but no time.
//
// Time is that of package time alone, so in a testing/synctest bubble all of it
// is virtual: make the Net inside the bubble. All chance comes from the seed, a
// source for each link, so what one link does never depends on another.
//
// Limits: UDP, and what Streams are; no ICMP, no fragments; a datagram longer than a link's MTU
// vanishes.
package netsim

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// DefaultHops is how many routers lie between any two nodes of the internet,
// so that a datagram of WriteTTL leaves its own NATs and dies on the way.
const DefaultHops = 6

// startTTL is the time to live of what is sent by Write.
const startTTL = 64

// A Net is the network. It embeds its outermost realm, the internet.
type Net struct {
	*Realm

	seed uint64

	// mu guards the state of everything in this package. Unexported methods
	// are called with it held, unless they say otherwise.
	mu      sync.Mutex
	links   uint64 // how many random sources were made
	hops    int
	watch   func(Event)
	events  events
	order   uint64
	timer   *time.Timer
	armed   time.Time // when the timer fires; zero: it does not
	rng     *rand.Rand
	conns   map[*conn]bool
	stopped bool
}

// New returns an empty network. The same seed gives the same chances.
func New(seed uint64) *Net {
	n := &Net{seed: seed, hops: DefaultHops, conns: make(map[*conn]bool)}
	n.Realm = &Realm{net: n, nodes: make(map[netip.Addr]node)}
	n.rng = n.newRand()
	return n
}

// SetHops sets how many routers lie between two nodes of the internet.
func (n *Net) SetHops(hops int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hops = hops
}

// An Event is something that happened to datagrams.
type Event struct {
	Time     time.Time
	What     string // "sent", "arrived", or why they were dropped
	From, To netip.AddrPort
	Data     []byte // to be read during the call only
	Size     int    // the length of each datagram but the last
}

// Watch has f called with all that happens, for a test to print or to count. F
// must not call anything of the network. Nil ends it.
func (n *Net) Watch(f func(Event)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watch = f
}

// Close closes all connections and forgets what is on the way. It waits for
// nothing; twice is fine.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped, n.events = true, nil
	if n.timer != nil {
		n.timer.Stop()
	}
	for c := range n.conns {
		c.close()
	}
}

func (n *Net) newRand() *rand.Rand {
	n.links++
	return rand.New(rand.NewPCG(n.seed, n.links))
}

// tell reports to whoever watches.
func (n *Net) tell(what string, p packet) {
	if n.watch != nil {
		n.watch(Event{time.Now(), what, p.src, p.dst, p.data, p.size})
	}
}

// A packet is a run of datagrams on its way. Its data is never changed.
type packet struct {
	realm    *Realm // where the addresses have their meaning
	src, dst netip.AddrPort
	ttl      int
	data     []byte
	size     int
}

// datagrams tells how many there are.
func (p packet) datagrams() int { return (len(p.data) + p.size - 1) / p.size }

// An event is a packet that arrives somewhere later.
type event struct {
	at    time.Time
	order uint64    // among those of the same instant, first come first served
	from  *pipe     // that it is in
	left  time.Time // when it leaves the pipe's queue
	to    func(packet)
	p     packet
}

type events []*event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(*event)) }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].order < e[j].order
}
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}

// schedule has an event happen at its time, at once if that is past.
func (n *Net) schedule(e event) {
	if !e.at.After(time.Now()) {
		e.to(e.p)
		return
	}
	n.order++
	e.order = n.order
	heap.Push(&n.events, &e)
	n.arm()
}

// reorder is called when the times of events have changed.
func (n *Net) reorder() {
	heap.Init(&n.events)
	n.arm()
}

// arm sets the one timer there is to the first event.
func (n *Net) arm() {
	if len(n.events) == 0 {
		return
	}
	first := n.events[0].at
	if !n.armed.IsZero() && !first.Before(n.armed) {
		return
	}
	n.armed = first
	if n.timer == nil {
		n.timer = time.AfterFunc(time.Until(first), n.run)
	} else {
		n.timer.Reset(time.Until(first))
	}
}

// run is the timer's: it lets all happen that is due, and locks mu itself.
func (n *Net) run() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = time.Time{}
	now := time.Now()
	for len(n.events) > 0 && !n.events[0].at.After(now) {
		e := heap.Pop(&n.events).(*event)
		e.to(e.p)
	}
	if !n.stopped {
		n.arm()
	}
}
