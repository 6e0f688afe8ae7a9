package stun

import (
	"context"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/udp"
)

// How often a request is sent, and how long after the first one its answer is
// waited for; the waits double.
const (
	firstRetry = 150 * time.Millisecond
	tries      = 4
)

// An Asker sends requests from a socket of its own, so that its NAT has nothing
// for that socket yet.
type Asker struct {
	conn   udp.Conn
	reader sync.WaitGroup

	mu      sync.Mutex
	waiting map[ID]question
}

type question struct {
	from   netip.AddrPort // where the answer has to come from
	answer chan netip.AddrPort
}

// NewAsker takes over a socket.
func NewAsker(c udp.Conn) *Asker {
	a := &Asker{conn: c, waiting: make(map[ID]question)}
	a.reader.Go(func() {
		_ = udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) { a.take(b.Addr, d) })
		})
	})
	return a
}

// take takes a datagram that came by the socket.
func (a *Asker) take(from netip.AddrPort, d []byte) {
	r, err := ParseResponse(d)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if q, ok := a.waiting[r.ID]; ok && q.from == from {
		delete(a.waiting, r.ID)
		q.answer <- r.Observed // there is room for one
	}
}

// Ask sends a request at once and returns a function that waits for the answer,
// which has to come from another address only if that was asked for, and sends
// the request again until then. Its result is not valid where there was none in
// time.
func (a *Asker) Ask(to, from netip.AddrPort, r Request) (wait func(context.Context) netip.AddrPort) {
	rand.Read(r.ID[:])
	q := question{from, make(chan netip.AddrPort, 1)}
	a.mu.Lock()
	a.waiting[r.ID] = q
	a.mu.Unlock()
	d := r.Append(nil)
	send := func() { _ = a.conn.Write(udp.Batch{Addr: to, Data: d, Size: len(d)}) } // lost, as it may be on the way
	send()
	return func(ctx context.Context) netip.AddrPort {
		defer a.forget(r.ID)
		again := firstRetry
		for left := tries - 1; left >= 0; left-- {
			select {
			case observed := <-q.answer:
				return observed
			case <-ctx.Done():
				return netip.AddrPort{}
			case <-time.After(again):
			}
			again *= 2
			if left > 0 {
				send()
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
