package path

import (
	"net/netip"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	b := budget{began: now}
	addr := func(host, port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(host)}), uint16(port))
	}
	allowed := 0
	for port := range 100 {
		for range 3 {
			if b.allow(addr(254, port+1), now) {
				allowed++
			}
		}
	}
	if allowed != ProbePorts {
		t.Errorf("%d ports of one host were allowed", allowed)
	}
	for host := range 200 {
		if b.allow(addr(2+host, 1), now) {
			allowed++
		}
	}
	if allowed != ProbeBudget {
		t.Errorf("%d addresses were allowed", allowed)
	}
	for i := range 3600 {
		now = now.Add(time.Second)
		if b.allow(addr(i%250, 1000+i), now) {
			allowed++
		}
		if len(b.tried) > ProbeBudget+int(probeForget/ProbeRefill) {
			t.Fatalf("%d addresses are remembered", len(b.tried))
		}
	}
	if want := ProbeBudget + int(time.Hour/ProbeRefill); allowed != want {
		t.Errorf("%d addresses in an hour, want %d", allowed, want)
	}
	if !b.allow(addr(254, 1), now.Add(ProbeRefill)) {
		t.Error("what was tried an hour ago is not allowed again")
	}
}
