package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/netip"
	"time"

	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// How many datagrams to send through the NAT and back, and how long to wait for each.
const (
	hairpinTries = 3
	hairpinWait  = 200 * time.Millisecond
)

// hairpins reports whether the NAT supports hairpinning (RFC 4787, section 6). It sends a datagram from one socket of
// this host to the external address of another. The other socket also sends one back, so that the NAT's filter lets the
// datagram in.
func hairpins(ctx context.Context, listen func() (udp.Conn, error), server netip.AddrPort) (bool, error) {
	one, err := newEchoSocket(listen)
	if err != nil {
		return false, err
	}
	defer one.close()
	two, err := newEchoSocket(listen)
	if err != nil {
		return false, err
	}
	defer two.close()
	a, b := one.seen(ctx, server), two.seen(ctx, server)
	if !a.IsValid() || !b.IsValid() {
		return false, ctx.Err()
	}
	var token [16]byte
	rand.Read(token[:])
	for range hairpinTries {
		two.send(a, token[:])
		one.send(b, token[:])
		if one.came(ctx, token[:]) {
			return true, nil
		}
	}
	return false, ctx.Err()
}

// An echoSocket receives datagrams that were sent to its own external address.
type echoSocket struct {
	conn    udp.Conn
	arrived chan []byte
	done    chan struct{}
}

func newEchoSocket(listen func() (udp.Conn, error)) (*echoSocket, error) {
	c, err := listen()
	if err != nil {
		return nil, err
	}
	e := &echoSocket{c, make(chan []byte, 8), make(chan struct{})}
	go func() {
		defer close(e.done)
		_ = udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
			b.Datagrams(func(d []byte) {
				select {
				case e.arrived <- bytes.Clone(d):
				default: // the sender tries again
				}
			})
		})
	}()
	return e, nil
}

// close closes the socket and waits for its reader.
func (e *echoSocket) close() {
	e.conn.Close()
	<-e.done
}

func (e *echoSocket) send(to netip.AddrPort, d []byte) {
	_ = e.conn.Write(udp.Batch{Addr: to, Data: d, Size: len(d)}) // an error is like a lost packet
}

// seen asks the server for the socket's external address. The result is invalid if there is no answer.
func (e *echoSocket) seen(ctx context.Context, server netip.AddrPort) netip.AddrPort {
	var r stun.Request
	rand.Read(r.ID[:])
	for range hairpinTries {
		e.send(server, r.Append(nil))
		for d := range e.next(ctx) {
			if a, err := stun.ParseResponse(d); err == nil && a.ID == r.ID {
				return a.Observed
			}
		}
	}
	return netip.AddrPort{}
}

// came reports whether the datagram arrives within hairpinWait.
func (e *echoSocket) came(ctx context.Context, want []byte) bool {
	for d := range e.next(ctx) {
		if bytes.Equal(d, want) {
			return true
		}
	}
	return false
}

// next yields the datagrams that arrive within hairpinWait.
func (e *echoSocket) next(ctx context.Context) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		timeout := time.NewTimer(hairpinWait)
		defer timeout.Stop()
		for {
			select {
			case d := <-e.arrived:
				if !yield(d) {
					return
				}
			case <-timeout.C:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}
