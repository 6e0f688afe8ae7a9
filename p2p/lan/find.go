package lan

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"

	"p2ptool/p2p/identity"
)

const (
	maxPacket  = 9000 // bytes, RFC 6762, section 17
	maxAnswers = 4    // that are told of a search: a neighbour may lie
	askAgain   = 250 * time.Millisecond
	askLast    = 2 * time.Second
)

// Multicast finds peers on the networks that this host is connected to. Its zero
// value is ready.
type Multicast struct{}

// Find asks for a peer until ctx ends, and calls found with each address where
// it may be, at most four, from one goroutine. It returns when that is done. The
// error says that there is nobody to ask.
func (Multicast) Find(ctx context.Context, guid identity.GUID, found func(netip.AddrPort)) error {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	id := uint16(rand.Uint32())
	question, err := appendQuestion(id, guid)
	if err != nil {
		conn.Close()
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
	asking.Go(func() { ask(ctx, conn, question) })
	listen(conn, func(from netip.AddrPort, b []byte) bool {
		return hear(from, b, id, guid, found)
	}, maxAnswers)
	return nil
}

// listen gives what arrives to take, until it has taken as many as told, or the
// socket is closed.
func listen(conn *net.UDPConn, take func(netip.AddrPort, []byte) bool, most int) {
	seen := make(map[netip.AddrPort]bool)
	b := make([]byte, maxPacket)
	for len(seen) < most {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !seen[from] && take(from, b[:n]) {
			seen[from] = true
		}
	}
}

// hear takes an answer, and reports whether it was one.
func hear(from netip.AddrPort, b []byte, id uint16, guid identity.GUID, found func(netip.AddrPort)) bool {
	port, err := parseAnswer(b, id, guid)
	if err != nil {
		return false
	}
	if _, ok := beside(interfaces(), from.Addr()); !ok {
		return false // no neighbour
	}
	found(netip.AddrPortFrom(from.Addr(), port))
	return true
}

// ask sends the question on all interfaces, less and less often.
func ask(ctx context.Context, conn *net.UDPConn, question []byte) {
	c := ipv4.NewPacketConn(conn)
	_ = c.SetMulticastTTL(255) // RFC 6762, section 11
	_ = c.SetMulticastLoopback(true)
	to := net.UDPAddrFromAddrPort(group)
	for wait := askAgain; ; wait = min(2*wait, askLast) {
		for _, i := range interfaces() {
			if c.SetMulticastInterface(&i.Interface) == nil {
				_, _ = c.WriteTo(question, nil, to) // lost, as it may be on the way
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
