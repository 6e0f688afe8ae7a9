package server

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
)

// fill registers n peers at a rig's server without handshakes.
func fill(r *rig, n int) (index uint32) {
	for i := range n {
		s := r.s.registry.add(0, source(i))
		s.guid = identity.GUID{byte(i), byte(i >> 8), byte(i >> 16), 1}
		s.instance, s.flags, s.interval = 1, rendezvous.FlagListening|rendezvous.FlagListed, 25
		s.name = "peer of a user"
		s.crypto = noise.Secrets{Send: [32]byte{1}, Receive: [32]byte{2}}.NewCompact()
		r.s.registry.confirm(0, s)
		index = s.index
	}
	return index
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func perPeer(t testing.TB, n int) float64 {
	r := newRig(t, Limits{})
	before := heap()
	fill(r, n)
	after := heap()
	runtime.KeepAlive(r)
	return float64(after-before) / float64(n)
}

func TestMemoryPerPeer(t *testing.T) {
	if got := perPeer(t, 50_000); got > 600 {
		t.Errorf("a peer costs %.0f bytes, want at most 600", got)
	}
	if got := unsafe.Sizeof(session{}); got > 320 {
		t.Errorf("a session has %d bytes", got)
	}
}

func BenchmarkMemoryPerPeer(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(perPeer(b, 1_000_000), "bytes/peer")
	}
}

func BenchmarkKeepalive(b *testing.B) {
	r := newRig(b, Limits{})
	index := fill(r, 1000)
	peer := noise.Secrets{Send: [32]byte{2}, Receive: [32]byte{1}}.NewCompact()
	from := source(999)
	for b.Loop() {
		d, _ := peer.Seal(ping(0).Append(make([]byte, noise.HeaderSize, 100)), rendezvous.TypeData, index)
		if r.s.datagram(0, from, d) == nil {
			b.Fatal("no answer")
		}
	}
}

func BenchmarkSweepOfAMillion(b *testing.B) {
	r := newRig(b, Limits{})
	fill(r, 1_000_000)
	var longest time.Duration
	for b.Loop() {
		start := time.Now()
		r.s.registry.sweep(time.Second, sweepSlice, func(*session) {})
		longest = max(longest, time.Since(start))
	}
	b.ReportMetric(float64(longest.Microseconds()), "µs-longest")
}
