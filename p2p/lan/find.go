package lan

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/identity"
)

const (
	maxPacket  = 9000 // bytes, RFC 6762, section 17
	maxAnswers = 4    // that a search reports per family: a neighbour may lie
	askAgain   = 250 * time.Millisecond
	askLast    = 2 * time.Second
)

// Multicast finds peers on the networks of this host. The zero value is ready.
type Multicast struct{}

// Find asks for a peer over IPv4 and IPv6 until ctx ends, and calls found with each address where the
// peer may be: at most four per family, one call at a time. A link-local IPv6 address has a zone.
// The error says that no questions can be sent.
func (Multicast) Find(ctx context.Context, guid identity.GUID, found func(netip.AddrPort)) error {
	s := search{id: uint16(rand.Uint32()), guid: guid, found: found}
	question, err := appendQuestion(s.id, guid)
	if err != nil {
		return err
	}
	return both(
		func() error { return s.run(ctx, ipv4Family, question) },
		func() error { return s.run(ctx, ipv6Family, question) },
	)
}

// both calls two functions concurrently. It returns an error if both fail.
func both(a, b func() error) error {
	var errA, errB error
	var running sync.WaitGroup
	running.Go(func() { errA = a() })
	errB = b()
	running.Wait()
	if errA != nil && errB != nil {
		return errors.Join(errA, errB)
	}
	return nil
}

// A search is the search for one peer.
type search struct {
	id   uint16
	guid identity.GUID

	mu    sync.Mutex // held while found is called
	found func(netip.AddrPort)
}

// run searches over one family.
func (s *search) run(ctx context.Context, f family, question []byte) error {
	conn, err := net.ListenUDP(f.network, nil)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		if stop() {
			conn.Close()
		}
	}()
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asking.Go(func() { f.ask(ctx, conn, question) })
	listen(conn, func(from netip.AddrPort, b []byte) bool {
		return s.handle(from, b, f.interfaces)
	}, maxAnswers)
	return nil
}

// listen calls accept with each packet until it has accepted packets from so many sources, or the
// socket is closed.
func listen(conn *net.UDPConn, accept func(netip.AddrPort, []byte) bool, most int) {
	seen := make(map[netip.AddrPort]bool)
	b := make([]byte, maxPacket)
	for len(seen) < most {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		from = source(from)
		if !seen[from] && accept(from, b[:n]) {
			seen[from] = true
		}
	}
}

// handle handles a packet, and reports whether it is a valid answer.
func (s *search) handle(from netip.AddrPort, b []byte, look func() []iface) bool {
	port, err := parseAnswer(b, s.id, s.guid)
	if err != nil {
		return false
	}
	if _, ok := beside(look(), from.Addr()); !ok {
		return false // not a neighbour
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found(netip.AddrPortFrom(from.Addr(), port))
	return true
}

// ask sends the question on all interfaces, at increasing intervals.
func (f family) ask(ctx context.Context, conn *net.UDPConn, question []byte) {
	c := f.caster(conn)
	for wait := askAgain; ; wait = min(2*wait, askLast) {
		for _, i := range f.interfaces() {
			_ = c.send(question, &i.Interface) // an error is like a lost packet
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
