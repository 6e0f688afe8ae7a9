package tunnel

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// Some paths drop large TCP segments without an ICMP message (a TCP black hole, RFC 2923), such as a tunnel
// behind a firewall that drops ICMP. By default operating systems do not recover from that. A TLS handshake has
// full segments in both directions, so it does not finish on such a path; a second connection with small
// segments is made beside it.
const (
	// smallSegment is the maximum segment size of the second connection: its IPv4 packets have at most 296 bytes.
	smallSegment = 256
	// smallDelay is the head start of the connection with normal segments.
	smallDelay = time.Second
)

// A greeted is the result of a TLS handshake.
type greeted struct {
	conn    *tls.Conn
	proxied bool
	err     error
}

// greetEither makes a connection with normal segments and, if its handshake takes longer than smallDelay, one
// with small segments. It returns the first whose handshake finishes, and closes the other. With small it makes
// only the latter.
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

// greetOne makes one connection and its handshake.
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
