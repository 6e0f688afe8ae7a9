package lan

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"p2ptool/p2p/identity"
)

const (
	perSecond = 10 // answers, to all together
	burst     = 20
	// Interfaces that came up since are looked for after joinAgain, then less and less often, but
	// at least every joinLast.
	joinAgain = 250 * time.Millisecond
	joinLast  = 5 * time.Second
)

// Respond answers those who ask for guid by IPv4 or IPv6, until ctx ends; then it returns
// nil. ports is asked where guid listens now, by either family; 0: not by that one. It is
// called by several goroutines. The error says that questions cannot be heard.
func (Multicast) Respond(ctx context.Context, guid identity.GUID, ports func() (v4, v6 uint16)) error {
	limit := rate.NewLimiter(perSecond, burst)
	return both(
		func() error {
			r := responder{guid, func() uint16 { p, _ := ports(); return p }, limit}
			return r.run(ctx, ipv4Family)
		},
		func() error {
			r := responder{guid, func() uint16 { _, p := ports(); return p }, limit}
			return r.run(ctx, ipv6Family)
		},
	)
}

// A responder answers by one family.
type responder struct {
	guid  identity.GUID
	port  func() uint16 // 0: it does not listen by this family
	limit *rate.Limiter
}

func (r *responder) run(ctx context.Context, f family) error {
	conn, err := f.open(ctx)
	if err != nil || conn == nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer func() {
		if stop() {
			conn.Close()
		}
	}()
	var joining sync.WaitGroup
	defer joining.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	joining.Go(func() { f.join(ctx, f.caster(conn)) })
	b := make([]byte, maxPacket)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("listening to multicast DNS: %w", err)
		}
		from = source(from)
		if answer := r.answer(time.Now(), from, b[:n], f.interfaces); answer != nil {
			_, _ = conn.WriteToUDPAddrPort(answer, from) // lost, as it may be on the way
		}
	}
}

// open opens the socket, which is shared with other responders of this host, once
// there is an interface to hear questions on; nil if ctx ends before.
func (f family) open(ctx context.Context) (*net.UDPConn, error) {
	for wait := joinAgain; ; wait = min(2*wait, joinLast) {
		if all := f.interfaces(); len(all) > 0 {
			conn, err := net.ListenMulticastUDP(f.network, &all[0].Interface, net.UDPAddrFromAddrPort(f.group))
			if err != nil {
				return nil, fmt.Errorf("listening to multicast DNS: %w", err)
			}
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(wait):
		}
	}
}

// join has questions heard on all interfaces, also those that come up later.
func (f family) join(ctx context.Context, c caster) {
	for wait := joinAgain; ; wait = min(2*wait, joinLast) {
		for _, i := range f.interfaces() {
			_ = c.join(&i.Interface) // fails where it has been joined before
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// answer returns what somebody gets for a packet, nil for nothing.
func (r *responder) answer(now time.Time, from netip.AddrPort, b []byte, look func() []iface) []byte {
	id, err := parseQuestion(b, r.guid)
	if err != nil {
		return nil
	}
	own, ok := beside(look(), from.Addr())
	port := r.port()
	if !ok || port == 0 || !r.limit.AllowN(now, 1) {
		return nil
	}
	out, err := appendAnswer(id, r.guid, netip.AddrPortFrom(own, port))
	if err != nil {
		return nil
	}
	return out
}
