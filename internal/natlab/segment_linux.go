package natlab

import (
	"bytes"
	"container/heap"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"
)

// internetHops is how many routers lie between two devices of the internet by default. See
// Lab.SetHops.
const internetHops = 6

// A segment connects devices: it is the internet, or the network behind a router.
type segment struct {
	// route makes the router's kernel send packets for an address to this segment.
	route func(addr netip.Addr) error

	mu      sync.Mutex // also guards the ports' paths and queues
	hops    int
	ports   map[netip.Addr]*port
	gateway *port // receives packets for unknown addresses
	parted  map[[2]*port]bool
	order   uint64 // how many packets were queued

	loops sync.WaitGroup
}

// A port connects a device to a segment. It holds this process's end of the device.
type port struct {
	seg      *segment
	tun      *os.File
	up, down path
	queue    arrivals
	wake     chan struct{} // signals a new head of the queue
	done     chan struct{}
}

// plug connects a device and starts passing its packets.
func (s *segment) plug(tun *os.File, link Link) *port {
	p := &port{seg: s, tun: tun, wake: make(chan struct{}, 1), done: make(chan struct{})}
	p.up, p.down = newPath(link), newPath(link)
	s.loops.Go(p.read)
	s.loops.Go(p.write)
	return p
}

// claim assigns an address to a port.
func (s *segment) claim(addr netip.Addr, p *port) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports[addr] != nil {
		return fmt.Errorf("address %v is taken", addr)
	}
	s.ports[addr] = p
	return nil
}

func (s *segment) setGateway(p *port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gateway = p
}

// part sets whether packets between two ports are dropped.
func (s *segment) part(a, b *port, parted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parted[[2]*port{a, b}], s.parted[[2]*port{b, a}] = parted, parted
}

func (s *segment) disclaim(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ports, addr)
}

// close removes the device.
func (p *port) close() {
	close(p.done)
	_ = p.tun.Close()
}

// read forwards packets that the device sends until it is closed.
func (p *port) read() {
	buf := make([]byte, 1<<16)
	for {
		n, err := p.tun.Read(buf)
		if err != nil {
			return
		}
		p.seg.forward(p, buf[:n])
	}
}

// forward sends a copy of a packet to the port of its destination.
func (s *segment) forward(from *port, packet []byte) {
	dst, ok := destination(packet)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || s.hops > 0 && !age(packet, s.hops) {
		return
	}
	to := s.ports[dst]
	if to == nil {
		to = s.gateway
	}
	if to == nil || to == from || s.parted[[2]*port{from, to}] {
		return
	}
	from.up.pass(time.Now(), len(packet), func(at time.Time) {
		to.put(arrival{at: at, packet: bytes.Clone(packet)})
		if to.queue[0].order == s.order {
			to.awake()
		}
	})
}

// put queues an arrival. The caller holds the segment's mutex.
func (p *port) put(a arrival) {
	p.seg.order++
	a.order = p.seg.order
	heap.Push(&p.queue, a)
}

// awake makes write look at the queue again.
func (p *port) awake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// write delivers packets to the device until it is closed.
func (p *port) write() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait := p.take()
		for _, packet := range due {
			_, _ = p.tun.Write(packet) // fails if the device is down: the packet is lost
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.done:
			return
		}
	}
}

// take removes the packets that are due, and returns how long it is until the next one.
func (p *port) take() (due [][]byte, wait time.Duration) {
	p.seg.mu.Lock()
	defer p.seg.mu.Unlock()
	now := time.Now()
	for len(p.queue) > 0 && !p.queue[0].at.After(now) {
		a := heap.Pop(&p.queue).(arrival)
		if a.passed {
			due = append(due, a.packet)
			continue
		}
		p.down.pass(a.at, len(a.packet), func(at time.Time) {
			p.put(arrival{at: at, passed: true, packet: a.packet})
		})
	}
	if len(p.queue) > 0 {
		return due, p.queue[0].at.Sub(now)
	}
	return due, time.Hour
}

// An arrival is a packet that reaches the end of a path at a given time: first of the
// sender's path to the segment, then of the path to the receiving device. Packets of several
// senders thus enter the second path in the order in which they reach the segment.
type arrival struct {
	at     time.Time
	order  uint64 // breaks ties: first come, first served
	passed bool
	packet []byte
}

type arrivals []arrival

func (a arrivals) Len() int      { return len(a) }
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)   { *a = append(*a, x.(arrival)) }
func (a arrivals) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].order < a[j].order
}
func (a *arrivals) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}
