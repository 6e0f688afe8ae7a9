package p2p

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"p2ptool/p2p/identity"
)

func testServer(t *testing.T, listen string) *Server {
	t.Helper()
	key, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(ServerOptions{Key: key, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // twice is fine
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	if !s.Key().Equal(key.Public()) {
		t.Error("the server has another key than it was given")
	}
	return s
}

// bind sends a plain STUN Binding request (RFC 8489), as any program may, and
// returns the type of the answer in hex.
func bind(t *testing.T, to netip.AddrPort) string {
	t.Helper()
	c, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request, _ := hex.DecodeString("000100002112a442b7e7a701bc34d686fa87dfae")
	answer := make([]byte, 100)
	for range 5 {
		c.Write(request)
		c.SetReadDeadline(time.Now().Add(time.Second))
		if n, err := c.Read(answer); err == nil {
			return hex.EncodeToString(answer[:min(n, 2)])
		}
	}
	return "nothing"
}

func next(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }

func TestServerObservesOnTwoPorts(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := testServer(t, "127.0.0.1:0")
	defer s.Close()
	for _, at := range []netip.AddrPort{s.Addr(), next(s.Addr())} {
		if got := bind(t, at); got != "0101" {
			t.Errorf("%v answers %s to a Binding request", at, got)
		}
	}
}

func TestServerServesBothFamilies(t *testing.T) {
	s := testServer(t, ":0")
	families := []string{"127.0.0.1"}
	if s.Addr().Addr().Is6() { // the system supports IPv6
		families = append(families, "::1")
	}
	for _, a := range families {
		at := netip.AddrPortFrom(netip.MustParseAddr(a), s.Addr().Port())
		if got := bind(t, at); got != "0101" {
			t.Errorf("%v answers %s to a Binding request", at, got)
		}
	}
}

func TestServerPortInUse(t *testing.T) {
	s := testServer(t, "127.0.0.1:0")
	for _, at := range []netip.AddrPort{s.Addr(), next(s.Addr())} {
		again, err := NewServer(ServerOptions{Listen: at.String()})
		if err == nil {
			again.Close()
		}
		if err == nil || !strings.Contains(err.Error(), at.String()) {
			t.Errorf("a second server at %v: %v", at, err)
		}
	}
	for _, bad := range []string{"127.0.0.1", "127.0.0.1:70000", "127.0.0.1:x"} {
		if s, err := NewServer(ServerOptions{Listen: bad}); err == nil {
			s.Close()
			t.Errorf("a server listens at %q", bad)
		}
	}
}

func TestServerReusesPort(t *testing.T) {
	s := testServer(t, "127.0.0.1:0")
	at := s.Addr()
	s.Close()
	if again := testServer(t, at.String()); again.Addr() != at || bind(t, at) != "0101" {
		t.Errorf("a server at %v is at %v", at, again.Addr())
	}
}
