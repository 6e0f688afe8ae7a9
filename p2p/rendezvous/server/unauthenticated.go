package server

import (
	"net/netip"
	"runtime"
	"sync"

	"p2ptool/p2p/limit"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// A queueKind is a kind of datagram that anybody can send.
type queueKind int

const (
	queueInit queueKind = iota
	queueHello
	queueData  // of no session, or not from its session's address
	queueRelay // of no channel, or not from its channel's address
	queueSTUN
	queueKinds
)

// unauthenticatedQueue is how many datagrams of a kind wait; what comes then is dropped.
const unauthenticatedQueue = 1024

// unauthenticatedRate is how many answers of each kind all sources together get. A session costs 0.1 ms of a
// processor, so no more than 10,000 a second can be made anyway.
var unauthenticatedRate = limit.Rate{PerSecond: 10_000, Burst: 1_000}

// unauthenticated holds datagrams from senders that have proven nothing, until a goroutine of its own answers
// them. The goroutines that read the sockets only push them, so a flood delays no session. Each kind has a
// queue, and the queues take turns, so a flood of one kind does not crowd out another.
type unauthenticated struct {
	ready chan struct{} // of size 1: a queue is not empty

	mu     sync.Mutex // guards what follows
	queues [queueKinds]unauthenticatedRing
	turn   queueKind
}

// An unauthenticatedRing is a bounded queue that reuses its buffers.
type unauthenticatedRing struct {
	items       [unauthenticatedQueue]unauthenticatedItem
	first, size int
}

type unauthenticatedItem struct {
	kind     queueKind
	conn     udp.Conn // where it came
	from     netip.AddrPort
	datagram []byte
}

func newUnauthenticated() *unauthenticated {
	return &unauthenticated{ready: make(chan struct{}, 1)}
}

// push copies a datagram into its queue, and reports whether there was room.
func (u *unauthenticated) push(k queueKind, c udp.Conn, from netip.AddrPort, d []byte) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	q := &u.queues[k]
	if q.size == len(q.items) {
		return false
	}
	i := &q.items[(q.first+q.size)%len(q.items)]
	q.size++
	i.kind, i.conn, i.from, i.datagram = k, c, from, append(i.datagram[:0], d...)
	select {
	case u.ready <- struct{}{}:
	default:
	}
	return true
}

// pop moves the next datagram to into, and takes its buffer in exchange.
func (u *unauthenticated) pop(into *unauthenticatedItem) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for range queueKinds {
		q := &u.queues[u.turn]
		u.turn = (u.turn + 1) % queueKinds
		if q.size > 0 {
			*into, q.items[q.first] = q.items[q.first], *into
			q.first, q.size = (q.first+1)%len(q.items), q.size-1
			return true
		}
	}
	return false
}

// answerUnauthenticated answers queued datagrams until the server is closed.
func (s *Server) answerUnauthenticated() {
	var i unauthenticatedItem
	var pace [queueKinds]limit.Pace
	for {
		select {
		case <-s.done:
			return
		case <-s.unauthenticated.ready:
		}
		for s.unauthenticated.pop(&i) {
			now := s.now()
			switch reply := s.datagram(now, i.from, i.datagram); {
			case reply == nil:
			case pace[i.kind].Allow(now, unauthenticatedRate, 1):
				write(i.conn, i.from, reply)
			default:
				s.drops.busy.Add(1)
			}
			runtime.Gosched() // lets a reader run
		}
	}
}

// kindOf returns the queue for a datagram; ok is false if it is never answered.
func kindOf(d []byte) (k queueKind, ok bool) {
	switch {
	case len(d) == 0 || len(d) > rendezvous.MaxDatagram:
		return 0, false
	case d[0] == rendezvous.TypeHello:
		return queueHello, len(d) >= rendezvous.HelloSize
	case d[0] == rendezvous.TypeInit:
		return queueInit, len(d) >= rendezvous.InitHeader+noise.Message1Overhead
	case d[0] == rendezvous.TypeData:
		return queueData, len(d) >= noise.Overhead
	case d[0] == rendezvous.TypeRelay:
		return queueRelay, len(d) >= rendezvous.MinRelayed
	}
	return queueSTUN, stun.LooksLike(d)
}

// enqueue queues a datagram for answerUnauthenticated.
func (s *Server) enqueue(c udp.Conn, from netip.AddrPort, d []byte) {
	switch k, ok := kindOf(d); {
	case !ok:
		s.drops.malformed.Add(1)
	case !s.unauthenticated.push(k, c, from, d):
		s.drops.busy.Add(1)
	}
}
