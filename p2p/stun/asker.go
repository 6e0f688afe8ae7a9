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

// An Asker sends requests from a socket, most often one of its own, so that its NAT has
// nothing for that socket yet.
type Asker struct {
	conn   udp.Conn
	reader sync.WaitGroup // nobody's, if somebody else reads the socket

	mu      sync.Mutex
	waiting map[ID]question
}

type question struct {
	from   netip.AddrPort // where the answer has to come from
	answer chan netip.AddrPort
}

// sofar returns the answer if it has come.
func (q question) sofar() netip.AddrPort {
	select {
	case observed := <-q.answer:
		return observed
	default:
		return netip.AddrPort{}
	}
}

// NewAsker takes over a socket: it reads from it, and Close closes it.
func NewAsker(c udp.Conn) *Asker {
	a := NewSharedAsker(c)
	a.reader.Go(func() {
		_ = udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) { a.HandleDatagram(b.Addr, d) })
		})
	})
	return a
}

// NewSharedAsker sends from a socket that somebody else reads, who calls HandleDatagram.
// Close closes that socket too.
func NewSharedAsker(c udp.Conn) *Asker { return &Asker{conn: c, waiting: make(map[ID]question)} }

// HandleDatagram takes a datagram that came by the socket. It does not keep d, and
// ignores what answers no request.
func (a *Asker) HandleDatagram(from netip.AddrPort, d []byte) {
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
	return a.ask(from, func(id ID) {
		r.ID = id
		a.write(to, r, 0)
	})
}

// write sends a request, with a time to live unless that is 0.
func (a *Asker) write(to netip.AddrPort, r Request, ttl int) {
	d := r.Append(nil)
	b := udp.Batch{Addr: to, Data: d, Size: len(d)}
	if ttl > 0 {
		_ = a.conn.WriteTTL(b, ttl)
		return
	}
	_ = a.conn.Write(b) // lost, as it may be on the way
}

// ask is Ask for whatever request send sends.
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
				return q.sofar()
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
