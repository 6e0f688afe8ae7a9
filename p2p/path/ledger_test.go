package path

import (
	"net/netip"
	"testing"
	"time"
)

func TestLedger(t *testing.T) {
	now := time.Unix(1e9, 0)
	addr := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }
	var l Ledger
	allow := func(peer, at byte, want int, ok bool) {
		t.Helper()
		if n, got := l.Allow(now, [16]byte{peer}, addr(at)); got != ok || n != want {
			t.Errorf("peer %d at %d: %v after %d, want %v after %d", peer, at, got, n, ok, want)
		}
	}
	allow(1, 1, 0, true)
	allow(1, 2, 1, true)
	allow(1, 3, 2, false) // two rounds with a peer, at any address
	allow(2, 1, 0, true)
	allow(3, 1, 0, false) // two rounds toward an address, with any peer
	now = now.Add(59 * time.Minute)
	allow(1, 1, 2, false)
	now = now.Add(time.Minute)
	allow(1, 1, 0, true)
	for i := range byte(100) {
		l.Allow(now, [16]byte{100 + i}, addr(100+i))
	}
	if len(l.rounds) != roundsTogether {
		t.Errorf("%d rounds in an hour", len(l.rounds))
	}
}
