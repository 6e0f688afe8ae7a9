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
	perSecond = 10 // answers, to all askers together
	burst     = 20
	// The first and the longest interval between searches for new interfaces.
	joinAgain = 250 * time.Millisecond
	joinLast  = 5 * time.Second
)

// Respond answers questions for guid over IPv4 and IPv6 until ctx ends; then it returns nil. Ports
// returns the ports that guid listens at, 0 for none; several goroutines call it. The error says
// that questions cannot be received.
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

// A responder answers over one family.
type responder struct {
	guid  identity.GUID
	port  func() uint16 // 0: it does not listen over this family
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
			_, _ = conn.WriteToUDPAddrPort(answer, from) // an error is like a lost packet
		}
	}
}

// open waits for an interface and opens the socket, which other responders of this host share. It
// returns nil if ctx ends before.
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

// join joins the group on all interfaces, including those that come up later.
func (f family) join(ctx context.Context, c caster) {
	for wait := joinAgain; ; wait = min(2*wait, joinLast) {
		for _, i := range f.interfaces() {
			_ = c.join(&i.Interface) // fails if joined before
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// answer returns the answer to a packet, or nil.
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
