package lan

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/time/rate"

	"p2ptool/p2p/identity"
)

const (
	perSecond = 10 // answers, to all together
	burst     = 20
	// joinEvery is how often interfaces are looked for that came up since.
	joinEvery = 5 * time.Second
)

// Respond answers those who ask for guid, which listens at the given port by
// IPv4, until ctx ends; then it returns nil. The error says that questions cannot
// be heard.
func (Multicast) Respond(ctx context.Context, guid identity.GUID, port uint16) error {
	conn, err := open(ctx)
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
	joining.Go(func() { join(ctx, ipv4.NewPacketConn(conn)) })
	r := responder{guid, port, rate.NewLimiter(perSecond, burst)}
	b := make([]byte, maxPacket)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("listening to multicast DNS: %w", err)
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if answer := r.answer(time.Now(), from, b[:n], interfaces); answer != nil {
			_, _ = conn.WriteToUDPAddrPort(answer, from) // lost, as it may be on the way
		}
	}
}

// open opens the socket, which is shared with other responders of this host, once
// there is an interface to hear questions on; nil if ctx ends before.
func open(ctx context.Context) (*net.UDPConn, error) {
	for {
		if all := interfaces(); len(all) > 0 {
			conn, err := net.ListenMulticastUDP("udp4", &all[0].Interface, net.UDPAddrFromAddrPort(group))
			if err != nil {
				return nil, fmt.Errorf("listening to multicast DNS: %w", err)
			}
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(joinEvery):
		}
	}
}

// join has questions heard on all interfaces, also those that come up later.
func join(ctx context.Context, c *ipv4.PacketConn) {
	to := &net.UDPAddr{IP: group.Addr().AsSlice()}
	for {
		for _, i := range interfaces() {
			_ = c.JoinGroup(&i.Interface, to) // fails where it has been joined before
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(joinEvery):
		}
	}
}

type responder struct {
	guid  identity.GUID
	port  uint16
	limit *rate.Limiter
}

// answer returns what somebody gets for a packet, nil for nothing.
func (r *responder) answer(now time.Time, from netip.AddrPort, b []byte, look func() []iface) []byte {
	id, err := parseQuestion(b, r.guid)
	if err != nil {
		return nil
	}
	own, ok := beside(look(), from.Addr())
	if !ok || !r.limit.AllowN(now, 1) {
		return nil
	}
	out, err := appendAnswer(id, r.guid, netip.AddrPortFrom(own, r.port))
	if err != nil {
		return nil
	}
	return out
}
