// Package netsim simulates a network in memory for tests: hosts with access links that delay, lose,
// duplicate, reorder and queue datagrams, and NATs.
//
//	n := netsim.New(1)
//	server := n.Host("203.0.113.1")
//	nat := n.NAT("198.51.100.1", netsim.PortRestricted)
//	a := nat.Host("192.168.1.2")
//	a.Link(netsim.Link{Delay: 10 * time.Millisecond, Loss: 0.05})
//	conn, err := a.Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
//
// A datagram passes the access links of all hosts and NATs on its way: up from the sender through its
// NATs, and down through the receiver's NATs to the receiver. The internet between them costs hops but
// no time.
//
// It only uses the time of package time, so in a testing/synctest bubble the time is virtual: create
// the Net inside the bubble. All randomness comes from the seed, with a separate source for each link,
// so that links do not influence each other.
//
// It only supports UDP and simple TCP streams (Streams); there is no ICMP and no fragmentation. A
// datagram longer than a link's MTU is dropped.
package netsim

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// DefaultHops is the number of routers between any two nodes of the internet, so that a datagram of
// WriteTTL passes its own NATs and is dropped on the way.
const DefaultHops = 6

// startTTL is the time to live of datagrams of Write.
const startTTL = 64

// A Net is the network. It embeds its outermost realm, the internet.
type Net struct {
	*Realm

	seed uint64

	// mu guards the state of the whole package. Unexported methods are called with it held,
	// unless their comments say otherwise.
	mu      sync.Mutex
	links   uint64 // number of random sources
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

// New returns an empty network. The same seed gives the same random events.
func New(seed uint64) *Net {
	n := &Net{seed: seed, hops: DefaultHops, conns: make(map[*conn]bool)}
	n.Realm = &Realm{net: n, nodes: make(map[netip.Addr]node)}
	n.rng = n.newRand()
	return n
}

// SetHops sets the number of routers between two nodes of the internet.
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
	Data     []byte // valid only during the call
	Size     int    // the length of each datagram except the last
}

// Watch calls f with each event, for a test to print or count. F must not use the network. Nil stops
// it.
func (n *Net) Watch(f func(Event)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watch = f
}

// Close closes all connections and drops packets in flight. It does not wait. Calling it twice is
// fine.
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

// trace reports an event to Watch's function.
func (n *Net) trace(what string, p packet) {
	if n.watch != nil {
		n.watch(Event{time.Now(), what, p.src, p.dst, p.data, p.size})
	}
}

// A packet is a run of datagrams in flight. Its data is never changed.
type packet struct {
	realm    *Realm // the realm of the addresses
	src, dst netip.AddrPort
	ttl      int
	data     []byte
	size     int
}

// datagrams returns the number of datagrams.
func (p packet) datagrams() int { return (len(p.data) + p.size - 1) / p.size }

// An event is the future arrival of a packet.
type event struct {
	at    time.Time
	order uint64    // the order of events at the same time
	from  *pipe     // the pipe that the packet is in
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

// schedule schedules an event, or runs it at once if its time has passed.
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

// arm sets the timer to the first event.
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

// run runs all due events when the timer fires. It locks mu itself.
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
