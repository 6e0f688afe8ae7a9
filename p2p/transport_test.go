package p2p_test

import (
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// inTunnels is like inWorld with a server that also accepts TLS over TCP.
func inTunnels(t *testing.T, f func(t *testing.T, w *world, tcp *netsim.Streams)) {
	t.Helper()
	inTunnelsOf(t, 1, f)
}

// inTunnelsOf is like inTunnels with the given seed for the network.
func inTunnelsOf(t *testing.T, seed uint64, f func(t *testing.T, w *world, tcp *netsim.Streams)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tcp := new(netsim.Streams)
		w := &world{t: t, net: netsim.New(seed), key: newKey(t)}
		w.host = w.net.Host(serverIP)
		w.host.Link(netsim.Link{Delay: oneWay})
		s, err := p2p.NewServer(p2p.ServerOptions{
			Key: w.key, Listen: serverAddr, Network: w.host, TLS: p2p.TLSOptions{ListenTCP: tcp.Listen},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.server = s
		f(t, w, tcp)
		s.Close()
		w.net.Close()
	})
}

// behindTCP starts a peer behind a NAT that can reach the server over TCP. If blocked is set, UDP does not pass.
func (w *world) behindTCP(tcp *netsim.Streams, public string, blocked bool) (*netsim.Host, *tester) {
	_, h := w.behind(public, "192.168.1.2", netsim.PortRestricted)
	if blocked {
		h.BlockUDP()
	}
	return h, w.peer(h, func(o *p2p.PeerOptions) { o.DialTCP = tcp.From(public) })
}

// If UDP is blocked at one end or both, the peers soon use the relay over TLS. They change to a direct
// path when UDP passes again.
func TestUDPBlocked(t *testing.T) {
	for name, blocked := range map[string][2]bool{"caller": {true, false}, "callee": {false, true}, "both": {true, true}} {
		t.Run(name, func(t *testing.T) {
			inTunnels(t, func(t *testing.T, w *world, tcp *netsim.Streams) {
				start := time.Now()
				ha, a := w.behindTCP(tcp, "198.51.100.1", blocked[0])
				hb, b := w.behindTCP(tcp, "198.51.100.2", blocked[1])
				l, _ := mustConnect(t, a, b)
				if d := time.Since(start); d > 3*time.Second {
					t.Errorf("connected %v after the start", d)
				}
				other, err := b.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				checkEcho(t, l, 3_000_000)
				for i, l := range []*p2p.Link{l, other} {
					want := map[bool]p2p.PathKind{true: p2p.PathTCPRelay, false: p2p.PathRelay}[blocked[i]]
					if p := l.Path(); p.Kind != want || p.Addr.String() != serverAddr {
						t.Errorf("end %d is on path %+v, want %v", i, p, want)
					}
				}
				ha.Heal()
				hb.Heal()
				healed := time.Now()
				for l.Path().Kind != p2p.PathDirect || other.Path().Kind != p2p.PathDirect {
					time.Sleep(100 * time.Millisecond)
					if time.Since(healed) > 40*time.Second {
						t.Fatalf("the paths are still %v and %v", l.Path(), other.Path())
					}
				}
				checkEcho(t, l, 100_000)
				time.Sleep(time.Second)
				if st := w.server.Stats(); st.Streams != 0 || st.Peers != 2 {
					t.Errorf("the server has %+v", st)
				}
				t.Logf("direct %v after it was healed", time.Since(healed))
				a.Close()
				b.Close()
			})
		})
	}
}

// If UDP is blocked later, a link continues over TLS.
func TestUDPBlockedLater(t *testing.T) {
	inTunnels(t, func(t *testing.T, w *world, tcp *netsim.Streams) {
		ha, a := w.behindTCP(tcp, "198.51.100.1", false)
		_, b := w.behindTCP(tcp, "198.51.100.2", false)
		l, _ := mustConnect(t, a, b)
		for range 2 {
			ha.BlockUDP()
			start := time.Now()
			checkEcho(t, l, 1_000_000)
			if d := time.Since(start); d > 8*time.Second {
				t.Errorf("an echo took %v", d)
			}
			if p := l.Path(); p.Kind != p2p.PathTCPRelay {
				t.Errorf("path is %v", p)
			}
			ha.Heal()
			time.Sleep(40 * time.Second)
			if p := l.Path(); p.Kind != p2p.PathDirect {
				t.Errorf("path is %v", p)
			}
		}
		a.Close()
		b.Close()
	})
}
