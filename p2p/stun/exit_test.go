package stun_test

import (
	"net/netip"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// An opener must pass the outermost NAT that filters by port.
func TestExit(t *testing.T) {
	const (
		open   = netsim.FullCone
		strict = netsim.PortRestricted
		bare   = netsim.BareMasquerade
	)
	for _, c := range []struct {
		name   string
		nats   []netsim.Kind // from the outermost inwards
		want   int
		within time.Duration
	}{
		{"none", nil, 2, 50 * time.Millisecond},
		{"one", []netsim.Kind{strict}, 2, 50 * time.Millisecond},
		{"bare", []netsim.Kind{bare}, 2, 50 * time.Millisecond},
		{"two", []netsim.Kind{strict, strict}, 3, 150 * time.Millisecond},
		{"two, the outer one bare", []netsim.Kind{bare, strict}, 3, 150 * time.Millisecond},
		{"two, of which the inner one filters", []netsim.Kind{open, strict}, 2, 50 * time.Millisecond},
		{"two, of which the outer one filters", []netsim.Kind{strict, open}, 3, 150 * time.Millisecond},
		{"five", []netsim.Kind{strict, strict, strict, strict, strict}, 6, 800 * time.Millisecond},
		{"too many", []netsim.Kind{strict, strict, strict, strict, strict, strict, strict}, 0, 1250 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, hops := range []int{2, netsim.DefaultHops} {
				inLab(t, func(t *testing.T, l *lab) {
					l.SetHops(hops)
					realm := l.Realm
					for i, kind := range c.nats {
						realm = realm.NAT([]string{"198.51.100.1", "100.64.0.1", "10.0.0.1", "10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1"}[i], kind).Realm
					}
					host := realm.Host("192.168.1.2")
					listen := func() (udp.Conn, error) { return host.Listen("udp4", netip.AddrPort{}) }
					began := time.Now()
					ttl, err := stun.Exit(t.Context(), listen, stun.Servers{Main: serverMain, Second: serverSecond})
					if took := time.Since(began); err != nil || ttl != c.want || took > c.within {
						t.Errorf("%d hops: %d, %v after %v, want %d within %v", hops, ttl, err, took, c.want, c.within)
					}
				})
			}
		})
	}
}

// With a single port the result is unknown.
func TestExitWithoutASecondPort(t *testing.T) {
	listen := func() (udp.Conn, error) { panic("opened a socket") }
	if ttl, err := stun.Exit(t.Context(), listen, stun.Servers{Main: serverMain}); ttl != 0 || err != nil {
		t.Errorf("%d, %v", ttl, err)
	}
}

// Behind a symmetric NAT the answer only gets in if the datagram reaches the server.
func TestExitOfASymmetricNAT(t *testing.T) {
	for hops, want := range map[int]int{1: 3, 9: 0} {
		inLab(t, func(t *testing.T, l *lab) {
			l.SetHops(hops)
			host := l.NAT("198.51.100.1", netsim.Symmetric).Host("192.168.1.2")
			listen := func() (udp.Conn, error) { return host.Listen("udp4", netip.AddrPort{}) }
			ttl, err := stun.Exit(t.Context(), listen, stun.Servers{Main: serverMain, Second: serverSecond})
			if err != nil || ttl != want {
				t.Errorf("%d hops: %d, %v, want %d", hops, ttl, err, want)
			}
		})
	}
}
