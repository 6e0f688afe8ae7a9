package p2p

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// quiet is a network that drops everything sent to one address.
type quiet struct {
	udp.Network
	to netip.Addr
}

func (q quiet) Listen(family string, addr netip.AddrPort) (udp.Conn, error) {
	c, err := q.Network.Listen(family, addr)
	return quietConn{c, q.to}, err
}

type quietConn struct {
	udp.Conn
	to netip.Addr
}

func (c quietConn) Write(b udp.Batch) error {
	if b.Addr.Addr() == c.to {
		return nil
	}
	return c.Conn.Write(b)
}

func (c quietConn) WriteTTL(b udp.Batch, ttl int) error { return c.Write(b) }

// A malicious peer opens one link after another. On each it keeps announcing that it
// has opened sockets, and keeps naming a victim's address. It gets two rounds of
// probes an hour, at the address that the server saw. The victim gets only a few
// packets.
func TestBirthdayProbingForMaliciousPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maliciousIP, goodIP, victimIP = "198.51.100.1", "198.51.100.2", "192.0.2.66"
		n := netsim.New(1)
		defer n.Close()
		n.Host(victimIP)
		var mu sync.Mutex
		got := map[netip.Addr]int{}
		n.Watch(func(e netsim.Event) {
			if e.What != "sent" && e.From.Addr() == netip.MustParseAddr(goodIP) {
				mu.Lock()
				got[e.To.Addr()] += (len(e.Data) + e.Size - 1) / e.Size
				mu.Unlock()
			}
		})
		server, err := NewServer(ServerOptions{Key: someKey(t), Listen: ":3478", Network: n.Host("203.0.113.1")})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		start := func(on udp.Network) *Peer {
			p, err := NewPeer(PeerOptions{Key: someKey(t), Server: "203.0.113.1:3478", Network: on})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		maliciousPeer := start(quiet{n.NAT(maliciousIP, netsim.PortRestricted).Host("192.168.1.2"), netip.MustParseAddr(goodIP)})
		defer maliciousPeer.Close()
		good := start(n.NAT(goodIP, netsim.PortRestricted).Host("192.168.1.2"))
		defer good.Close()
		if err := good.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		for minute := range 50 {
			l, err := maliciousPeer.Connect(t.Context(), good.GUID(), ConnectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 600 {
				port := uint16(1024 + i)
				l.inner.Announce(path.Ports{Low: port, High: 65535, Step: uint16(minute + 1)})
				l.inner.SetCandidates([]path.Candidate{{Kind: path.ServerReflexive, Addr: netip.AddrPortFrom(netip.MustParseAddr(victimIP), port)}})
				time.Sleep(100 * time.Millisecond)
			}
			l.Close()
		}
		mu.Lock()
		defer mu.Unlock()
		// Each link sends 50 packets by its schedule, and an opener and eight probes to each new socket
		// that the peer names.
		t.Logf("within 50 minutes and as many links: %v", got)
		if n := got[netip.MustParseAddr(maliciousIP)]; n < 2*path.BirthdayProbes || n > 2*path.BirthdayProbes+50*(50+newSocketRounds*9) {
			t.Errorf("%d packets toward where the server saw the peer", n)
		}
		if n := got[netip.MustParseAddr(victimIP)]; n > 50*4*9 {
			t.Errorf("%d packets toward an address that only the peer names", n)
		}
	})
}

// Many malicious peers open a link each and name many ports of a victim's host. The victim gets
// only a few packets, and one more every ten seconds.
func TestVictimOfManyLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maliciousIP, goodIP, victimIP = "198.51.100.1", "198.51.100.2", "192.0.2.66"
		n := netsim.New(1)
		defer n.Close()
		n.Host(victimIP)
		var mu sync.Mutex
		got := 0
		n.Watch(func(e netsim.Event) {
			if e.What != "sent" && e.To.Addr() == netip.MustParseAddr(victimIP) && e.From.Addr() == netip.MustParseAddr(goodIP) {
				mu.Lock()
				defer mu.Unlock()
				got += (len(e.Data) + e.Size - 1) / e.Size
			}
		})
		server, err := NewServer(ServerOptions{Key: someKey(t), Listen: ":3478", Network: n.Host("203.0.113.1")})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		good, err := NewPeer(PeerOptions{Key: someKey(t), Server: "203.0.113.1:3478", Network: n.Host(goodIP)})
		if err != nil {
			t.Fatal(err)
		}
		defer good.Close()
		if err := good.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i := range 40 {
			maliciousPeer, err := NewPeer(PeerOptions{Key: someKey(t), Server: "203.0.113.1:3478", Calling: true, Network: n.Host(fmt.Sprintf("198.51.101.%d", i+1))})
			if err != nil {
				t.Fatal(err)
			}
			defer maliciousPeer.Close()
			l, err := maliciousPeer.Connect(t.Context(), good.GUID(), ConnectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var cs []path.Candidate
			for port := range uint16(path.MaxCandidates) {
				cs = append(cs, path.Candidate{Kind: path.Host, Addr: netip.AddrPortFrom(netip.MustParseAddr(victimIP), 5000+port)})
			}
			l.inner.SetCandidates(cs)
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		t.Logf("the victim got %d packets within %v", got, time.Since(start))
		if most := 16 + int(time.Since(start)/(10*time.Second)) + 1; got == 0 || got > most {
			t.Errorf("the victim got %d packets within %v, want at most %d", got, time.Since(start), most)
		}
	})
}

func someKey(t *testing.T) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
