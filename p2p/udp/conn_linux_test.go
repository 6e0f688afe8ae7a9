package udp

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// Without UDP_SEGMENT the datagrams arrive the same.
func TestWithoutSegments(t *testing.T) {
	t.Parallel()
	for _, tt := range batchShapes {
		t.Run(tt.name, func(t *testing.T) {
			a, b := listen(t, "udp4"), listen(t, "udp4")
			a.(*conn).plain.addAll()
			sent := Batch{Addr: b.LocalAddr(), Data: randomBytes(tt.bytes), Size: tt.size}
			if err := a.Write(sent); err != nil {
				t.Fatal(err)
			}
			got, _ := read(t, b, tt.bytes)
			checkDatagrams(t, got, sent)
		})
	}
}

// Over loopback a batch arrives as one batch.
func TestArrivesAsBatch(t *testing.T) {
	t.Parallel()
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			a, b := listen(t, family), listen(t, family)
			if a.(*conn).plain.has(b.LocalAddr()) {
				t.Skip("this kernel has no UDP_SEGMENT")
			}
			sent := Batch{Addr: b.LocalAddr(), Data: randomBytes(maxMessage), Size: 1308}
			if err := a.Write(sent); err != nil {
				t.Fatal(err)
			}
			batches := make([]Batch, 2)
			n, err := b.Read(batches)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range batches[:n] {
				defer got.Buf.Release()
			}
			if got := batches[0]; n != 1 || got.Size != sent.Size || len(got.Data) != len(sent.Data) {
				t.Errorf("%d batches, the first of %d bytes in datagrams of %d", n, len(got.Data), got.Size)
			}
			if a.(*conn).plain.has(b.LocalAddr()) {
				t.Error("the kernel refused UDP_SEGMENT")
			}
		})
	}
}

// If the kernel refuses UDP_SEGMENT, which it does on a socket without checksums, the datagrams are sent
// one by one, and the destination is remembered.
func TestRefusal(t *testing.T) {
	t.Parallel()
	a, b := listen(t, "udp4"), listen(t, "udp4")
	err := a.(*conn).raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		sent := Batch{Addr: b.LocalAddr(), Data: randomBytes(100*500 + 1), Size: 500}
		if err := a.Write(sent); err != nil {
			t.Fatal(err)
		}
		got, _ := read(t, b, len(sent.Data))
		checkDatagrams(t, got, sent)
	}
	if !a.(*conn).plain.has(b.LocalAddr()) {
		t.Error("the refusal was not remembered")
	}
}

func TestPlainSetIsBounded(t *testing.T) {
	t.Parallel()
	var p plainSet
	addr := func(i int) netip.AddrPort { return netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:9", i)) }
	for i := range maxPlain {
		p.add(addr(i))
		if !p.has(addr(i)) || p.has(addr(i+1)) {
			t.Fatalf("after %d destinations the set is wrong", i+1)
		}
	}
	p.add(addr(200))
	if len(p.addrs) != maxPlain || !p.has(addr(201)) {
		t.Errorf("kept %d destinations, and has(another) is false", len(p.addrs))
	}
}

func TestBufferSizes(t *testing.T) {
	t.Parallel()
	if r, w := BufferSizes(listen(t, "udp4")); r < 1<<16 || w < 1<<16 {
		t.Errorf("socket buffers of %d and %d bytes are too small for a batch", r, w)
	}
}

// exchange sends b from one socket to the other and reads it.
func exchange(t testing.TB, from, to Conn, b Batch, batches []Batch) {
	if err := from.Write(b); err != nil {
		t.Fatal(err)
	}
	for got := 0; got < len(b.Data); {
		n, err := to.Read(batches)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			got += len(batches[i].Data)
			batches[i].Buf.Release()
			batches[i] = Batch{}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("not with the race detector")
	}
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			from, to := listen(t, family), listen(t, family)
			b := Batch{Addr: to.LocalAddr(), Data: make([]byte, 40*1200), Size: 1200}
			batches := make([]Batch, readBatches)
			exchange(t, from, to, b, batches)
			if n := testing.AllocsPerRun(200, func() { exchange(t, from, to, b, batches) }); n > 0 {
				t.Errorf("%v allocations per batch", n)
			}
		})
	}
}

func BenchmarkLoopback(b *testing.B) {
	for _, plain := range []bool{false, true} {
		b.Run(map[bool]string{false: "segments", true: "single"}[plain], func(b *testing.B) {
			from, to := listen(b, "udp4"), listen(b, "udp4")
			if plain {
				from.(*conn).plain.addAll()
			}
			batch := Batch{Addr: to.LocalAddr(), Data: make([]byte, 40*1400), Size: 1400}
			batches := make([]Batch, readBatches)
			b.SetBytes(int64(len(batch.Data)))
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, from, to, batch, batches)
			}
		})
	}
}
