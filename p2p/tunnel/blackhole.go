package tunnel

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// Some paths lose large segments and tell nobody (a TCP black hole, RFC 2923): a router before a tunnel that
// drops ICMP. Systems do not recover from that by default. The handshake of TLS has full segments either way, so it
// does not end where they are lost, and a second connection with small segments is made beside it.
const (
	// smallSegment is the maximum segment size of that one: with all headers and options of IPv4
	// its packets have 296 bytes at most.
	smallSegment = 256
	// smallDelay is the head start of the connection with usual segments.
	smallDelay = time.Second
)

// A greeted is a connection after the handshake of TLS, or why there is none.
type greeted struct {
	conn    *tls.Conn
	proxied bool
	err     error
}

// greetEither makes a connection with usual segments and, unless that is soon done, one with small ones; the first
// whose handshake ends is returned, and the other closed. With small there is only the latter.
func (d *Dialer) greetEither(ctx context.Context, hostport string, small bool) greeted {
	if small || d.Dial != nil {
		return d.greetOne(ctx, hostport, small)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan greeted, 2)
	try := func(small bool) { results <- d.greetOne(ctx, hostport, small) }
	go try(false)
	running := 1
	timer := time.NewTimer(smallDelay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			go try(true)
			running++
		case g := <-results:
			running--
			if g.err != nil && running > 0 {
				continue
			}
			cancel()
			for ; running > 0; running-- {
				if other := <-results; other.err == nil {
					closeNow(other.conn)
				}
			}
			return g
		}
	}
}

// greetOne makes a connection and its handshake.
func (d *Dialer) greetOne(ctx context.Context, hostport string, small bool) (g greeted) {
	var c net.Conn
	if c, g.proxied, g.err = d.connect(ctx, hostport, small); g.err != nil {
		return g
	}
	host, _, _ := net.SplitHostPort(hostport)
	g.conn = tls.Client(c, clientTLS(host))
	if err := greet(ctx, g.conn); err != nil {
		g.err = fmt.Errorf("TLS with %s: %w", hostport, err)
	}
	return g
}
