package noise

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// A Receiver opens packets that a Compact sealed, and a Compact opens packets
// that a Sender sealed.
func TestCompactIsASession(t *testing.T) {
	sa, sb := handshake(t, key(t), key(t))
	a, b := sa.NewCompact(), sb.NewCompact()
	send, receive := sb.NewSender(0), sb.NewReceiver(64)
	for i := range 100 {
		p, err := a.Seal(packet("up"), 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, plain, err := receive.Open(p); err != nil || string(plain) != "up" {
			t.Fatalf("packet %d up: %q, %v", i, plain, err)
		}
		p, _ = send.Seal(packet("down"), 8, 2)
		dup := bytes.Clone(p)
		if plain, newest, err := a.Open(p); err != nil || string(plain) != "down" || !newest {
			t.Fatalf("packet %d down: %q, %v, %v", i, plain, newest, err)
		}
		if _, _, err := a.Open(dup); err == nil {
			t.Fatalf("packet %d was opened twice", i)
		}
	}
	p, _ := a.Seal(packet("x"), 8, 1)
	for i := range p {
		bad := bytes.Clone(p)
		bad[i] ^= 0x80
		if _, _, err := b.Open(bad); err == nil && i != 0 {
			t.Errorf("a packet with byte %d changed was opened", i)
		}
		if _, _, err := b.Open(bytes.Clone(p[:i])); err == nil {
			t.Errorf("a packet cut to %d bytes was opened", i)
		}
	}
	if _, _, err := b.Open(p); err != nil {
		t.Errorf("damaged copies kept the real packet out: %v", err)
	}
}

func TestCompactWindow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var c Compact
	seen := map[uint64]bool{}
	var top uint64
	for range 50_000 {
		n := top + 3
		if back := rnd.Uint64N(128); back < n {
			n -= back
		}
		if rnd.IntN(300) == 0 {
			n = top + rnd.Uint64N(200)
		}
		isNew := c.isNew(n)
		if want := !seen[n] && (n > top || top-n < 64 || len(seen) == 0); isNew != want {
			t.Fatalf("counter %d with %d on top: new is %v", n, top, isNew)
		}
		if isNew {
			if newest := c.mark(n); newest != (n > top || len(seen) == 0) {
				t.Fatalf("counter %d with %d on top: newest is %v", n, top, newest)
			}
			seen[n] = true
			top = max(top, n)
		}
	}
}

func TestCompactEpochs(t *testing.T) {
	sa, sb := handshake(t, key(t), key(t))
	c := sb.NewCompact()
	at := func(counter uint64) []byte {
		p, err := sa.NewSender(counter).Seal(packet("x"), 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const epoch = 1 << epochBits
	for _, n := range []uint64{0, epoch - 1, epoch, 2 * epoch} {
		if _, _, err := c.Open(at(n)); err != nil {
			t.Errorf("packet %#x: %v", n, err)
		}
	}
	for _, n := range []uint64{2*epoch - 1, 4 * epoch} {
		if _, _, err := c.Open(at(n)); err == nil {
			t.Errorf("packet %#x of another epoch was opened", n)
		}
	}
	s := sa.NewCompact()
	s.counter = epoch - 1
	for range 2 {
		n := s.counter
		got, _ := s.Seal(packet("x"), 8, 1)
		if !bytes.Equal(got, at(n)) {
			t.Errorf("packet %#x differs from a Sender's", n)
		}
	}
}
