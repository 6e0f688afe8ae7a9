package stun

import (
	"context"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/udp"
)

// How many times an Asker sends a request, and how long it first waits for an answer. The wait
// doubles after each attempt.
const (
	firstRetry = 150 * time.Millisecond
	tries      = 4
)

// An Asker sends requests from a socket. Usually the socket is new, so that the NAT has no mapping for
// it yet.
type Asker struct {
	conn   udp.Conn
	reader sync.WaitGroup // the goroutine that reads the socket, if any

	mu      sync.Mutex
	waiting map[ID]question
}

type question struct {
	from   netip.AddrPort // where the answer must come from
	answer chan netip.AddrPort
}

// received returns the answer if it has arrived.
func (q question) received() netip.AddrPort {
	select {
	case observed := <-q.answer:
		return observed
	default:
		return netip.AddrPort{}
	}
}

// NewAsker returns an Asker that owns a socket: it reads from it, and Close closes it.
func NewAsker(c udp.Conn) *Asker {
	a := NewSharedAsker(c)
	a.reader.Go(func() {
		_ = udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) { a.HandleDatagram(b.Addr, d) })
		})
	})
	return a
}

// NewSharedAsker returns an Asker on a socket that the caller reads: the caller calls
// HandleDatagram. Close also closes the socket.
func NewSharedAsker(c udp.Conn) *Asker { return &Asker{conn: c, waiting: make(map[ID]question)} }

// HandleDatagram handles a datagram received on the socket. It does not retain d, and ignores
// datagrams that do not answer a request.
func (a *Asker) HandleDatagram(from netip.AddrPort, d []byte) {
	r, err := ParseResponse(d)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if q, ok := a.waiting[r.ID]; ok && q.from == from {
		delete(a.waiting, r.ID)
		q.answer <- r.Observed // the channel has room for one
	}
}

// Ask sends a request to an address at once. It returns a function that waits for the answer from
// the address from, and sends the request again while there is none. If no answer arrives in time,
// the function returns an invalid address.
func (a *Asker) Ask(to, from netip.AddrPort, r Request) (wait func(context.Context) netip.AddrPort) {
	return a.ask(from, func(id ID) {
		r.ID = id
		a.write(to, r, 0)
	})
}

// write sends a request, with the given time to live unless that is 0.
func (a *Asker) write(to netip.AddrPort, r Request, ttl int) {
	d := r.Append(nil)
	b := udp.Batch{Addr: to, Data: d, Size: len(d)}
	if ttl > 0 {
		_ = a.conn.WriteTTL(b, ttl)
		return
	}
	_ = a.conn.Write(b) // an error is like a lost packet
}

// ask is like Ask, but calls send to send the request.
func (a *Asker) ask(from netip.AddrPort, send func(ID)) (wait func(context.Context) netip.AddrPort) {
	var id ID
	rand.Read(id[:])
	q := question{from, make(chan netip.AddrPort, 1)}
	a.mu.Lock()
	a.waiting[id] = q
	a.mu.Unlock()
	send(id)
	return func(ctx context.Context) netip.AddrPort {
		defer a.forget(id)
		again := firstRetry
		for left := tries - 1; left >= 0; left-- {
			select {
			case observed := <-q.answer:
				return observed
			case <-ctx.Done():
				return q.received()
			case <-time.After(again):
			}
			again *= 2
			if left > 0 {
				send(id)
			}
		}
		return netip.AddrPort{}
	}
}

func (a *Asker) forget(id ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, id)
}

// Close closes the socket and waits for its reader.
func (a *Asker) Close() {
	a.conn.Close()
	a.reader.Wait()
}
