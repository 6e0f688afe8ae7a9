package cmd

import (
	"net/netip"
	"testing"

	"p2ptool/internal/netsim"
)

// `serve` prints the command that sets up a peer, with an address that peers elsewhere can reach.
func TestPeerSetup(t *testing.T) {
	n := netsim.New(1)
	defer n.Close()
	private := n.NAT("198.51.100.1", netsim.PortRestricted).Host("192.168.1.2")
	for _, tt := range []struct {
		host           *netsim.Host
		listen, domain string
		want           string
	}{
		{n.Host("203.0.113.1"), "0.0.0.0:3478", "", "203.0.113.1"},
		{n.Host("203.0.113.2"), "[::]:4000", "", "203.0.113.2:4000"},
		{n.Host("2001:db8::1"), "[::]:3478", "", "2001:db8::1"},
		{n.Host("2001:db8::2"), "[::]:4000", "", "[2001:db8::2]:4000"},
		{n.Host("203.0.113.3"), "0.0.0.0:3478", "rendezvous.example.org", "rendezvous.example.org"},
		{n.Host("203.0.113.4"), "127.0.0.1:3478", "", "127.0.0.1"},
		{n.Host("100.64.0.7"), "0.0.0.0:3478", "", "HOST, where HOST is the public name or address of this machine"},
		{private, "0.0.0.0:4000", "", "HOST:4000, where HOST is the public name or address of this machine"},
	} {
		p := &program{env: Env{Machine: Machine{Network: tt.host}}}
		if got, want := p.peerSetup(netip.MustParseAddrPort(tt.listen), tt.domain), "p2ptool init --server "+tt.want; got != want {
			t.Errorf("%s, %s: %q, want %q", tt.listen, tt.domain, got, want)
		}
	}
}
