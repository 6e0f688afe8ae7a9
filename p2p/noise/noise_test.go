package noise

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"p2ptool/p2p/identity"
)

func key(t testing.TB) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// handshake returns the secrets of both sides.
func handshake(t testing.TB, a, b identity.SecretKey) (Secrets, Secrets) {
	t.Helper()
	i, m1, err := Initiate(a, b.Public(), "test", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	r, p1, err := Respond(b, "test", m1)
	if err != nil || string(p1) != "one" || !r.Remote().Equal(a.Public()) {
		t.Fatalf("Respond: payload %q, error %v", p1, err)
	}
	m2, sb, err := r.Reply([]byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if len(m1) != Message1Overhead+3 || len(m2) != Message2Overhead+3 {
		t.Errorf("messages of %d and %d bytes", len(m1), len(m2))
	}
	for n := range m2 {
		m2[n] ^= 1
		if _, _, err := i.Finish(m2); err == nil {
			t.Fatalf("an answer with byte %d damaged was accepted", n)
		}
		m2[n] ^= 1
		if _, _, err := i.Finish(m2[:n]); err == nil {
			t.Fatalf("an answer cut to %d bytes was accepted", n)
		}
	}
	p2, sa, err := i.Finish(m2)
	if err != nil || string(p2) != "two" {
		t.Fatalf("Finish after a forged answer: payload %q, error %v", p2, err)
	}
	if sa.Send != sb.Receive || sa.Receive != sb.Send || sa.Send == sa.Receive {
		t.Error("the two sides do not hold the same secrets")
	}
	return sa, sb
}

func TestHandshakeIsRefused(t *testing.T) {
	a, b, other := key(t), key(t), key(t)
	_, m1, err := Initiate(a, b.Public(), "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Respond(other, "test", m1); err == nil {
		t.Error("a message for one key was read with another")
	}
	if _, _, err := Respond(b, "other", m1); err == nil {
		t.Error("a message of one prologue was read with another")
	}
	for n := range m1 {
		if _, _, err := Respond(b, "test", m1[:n]); err == nil {
			t.Errorf("a message cut to %d bytes was read", n)
		}
	}
}

func packet(payload string) []byte {
	b := make([]byte, HeaderSize, HeaderSize+len(payload)+tagSize)
	return append(b, payload...)
}

func TestPackets(t *testing.T) {
	sa, sb := handshake(t, key(t), key(t))
	s, r := sa.NewSender(0), sb.NewReceiver(64)
	var sent [][]byte
	for range 10 {
		p, err := s.Seal(packet("hello"), 0x20, 77)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, p)
	}
	h, ok := ParseHeader(sent[3])
	if !ok || h != (Header{0x20, 77, 3}) {
		t.Errorf("header = %+v, %v", h, ok)
	}
	for _, i := range []int{9, 0, 5} {
		dup := bytes.Clone(sent[i])
		n, plain, err := r.Open(sent[i])
		if err != nil || n != uint64(i) || string(plain) != "hello" {
			t.Errorf("packet %d: %d, %q, %v", i, n, plain, err)
		}
		if _, _, err := r.Open(dup); err == nil {
			t.Errorf("packet %d was opened twice", i)
		}
	}
	for i := range sent[1] {
		bad := bytes.Clone(sent[1])
		bad[i] ^= 0x80
		if _, _, err := r.Open(bad); err == nil {
			t.Errorf("a packet with byte %d changed was opened", i)
		}
		if _, _, err := r.Open(bytes.Clone(sent[1][:i])); err == nil {
			t.Errorf("a packet cut to %d bytes was opened", i)
		}
	}
	if _, _, err := r.Open(sent[1]); err != nil {
		t.Errorf("damaged copies kept the real packet out: %v", err)
	}
}

func TestEpochs(t *testing.T) {
	sa, sb := handshake(t, key(t), key(t))
	r := sb.NewReceiver(64)
	at := func(counter uint64) []byte {
		p, err := sa.NewSender(counter).Seal(packet("x"), 0x20, 1)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const epoch = 1 << epochBits
	for _, c := range []uint64{0, epoch - 2, epoch, epoch - 1, 2*epoch - 1, 2 * epoch} {
		if _, _, err := r.Open(at(c)); err != nil {
			t.Errorf("packet %#x: %v", c, err)
		}
	}
	for _, c := range []uint64{epoch - 3, 5 * epoch} {
		if _, _, err := r.Open(at(c)); err == nil {
			t.Errorf("packet %#x was opened two or more epochs away", c)
		}
	}
	s := sa.NewSender(epoch - 1)
	for range 2 { // a Sender that crosses into the next epoch seals the same packet as a new one
		c := s.Counter()
		got, _ := s.Seal(packet("x"), 0x20, 1)
		if !bytes.Equal(got, at(c)) {
			t.Errorf("packet %#x differs", c)
		}
	}
}

func TestForgedCounterMovesNothing(t *testing.T) {
	sa, sb := handshake(t, key(t), key(t))
	r := sb.NewReceiver(64)
	p, _ := sa.NewSender(0).Seal(packet("x"), 0x20, 1)
	forged := bytes.Clone(p)
	binary.BigEndian.PutUint64(forged[5:], 1<<epochBits)
	if _, _, err := r.Open(forged); err == nil {
		t.Fatal("forged packet opened")
	}
	if _, _, err := r.Open(p); err != nil {
		t.Errorf("a forged counter kept the real packet out: %v", err)
	}
}

// The window agrees with a map over random orders.
func TestWindow(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{64, 256, 4096} {
		w := NewWindow(size)
		seen := map[uint64]bool{}
		var top uint64
		for range 50_000 {
			c := top + 3
			if back := rnd.Uint64N(uint64(2 * size)); back < c {
				c -= back
			}
			if rnd.IntN(500) == 0 {
				c = top + rnd.Uint64N(uint64(4*size))
			}
			isNew := w.Check(c)
			if seen[c] && isNew {
				t.Fatalf("size %d: counter %d is new a second time", size, c)
			}
			if !seen[c] && !isNew && top-c < uint64(size) {
				t.Fatalf("size %d: counter %d, %d behind, is taken for seen", size, c, top-c)
			}
			if isNew {
				w.Mark(c)
				seen[c] = true
				top = max(top, c)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	sa, sb := handshake(t, key(t), key(t))
	s, r := sa.NewSender(0), sb.NewReceiver(4096)
	buf := make([]byte, 1200, 1300)
	n := testing.AllocsPerRun(100, func() {
		p, err := s.Seal(buf, 0x20, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Open(p); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func FuzzOpen(f *testing.F) {
	sa, sb := handshake(f, key(f), key(f))
	p, _ := sa.NewSender(0).Seal(packet("hello"), 0x20, 1)
	f.Add(p)
	f.Add([]byte{0x20})
	r := sb.NewReceiver(64)
	f.Fuzz(func(t *testing.T, b []byte) {
		genuine := bytes.Equal(b, p)
		if _, _, err := r.Open(bytes.Clone(b)); err == nil && !genuine {
			t.Errorf("opened %x", b)
		}
	})
}

func FuzzRespond(f *testing.F) {
	b := key(f)
	_, m1, _ := Initiate(key(f), b.Public(), "test", []byte("payload"))
	f.Add(m1)
	f.Fuzz(func(t *testing.T, msg []byte) {
		if _, _, err := Respond(b, "test", msg); err == nil && !bytes.Equal(msg, m1) {
			t.Errorf("accepted %x", msg)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	sa, _ := handshake(b, key(b), key(b))
	s := sa.NewSender(0)
	buf := make([]byte, 1400, 1500)
	b.SetBytes(1400)
	b.ReportAllocs()
	for b.Loop() {
		s.Seal(buf, 0x20, 1)
	}
}

func BenchmarkOpen(b *testing.B) {
	sa, sb := handshake(b, key(b), key(b))
	s, r := sa.NewSender(0), sb.NewReceiver(4096)
	buf := make([]byte, 1400, 1500)
	b.SetBytes(1400)
	b.ReportAllocs()
	for b.Loop() {
		p, _ := s.Seal(buf, 0x20, 1)
		if _, _, err := r.Open(p); err != nil {
			b.Fatal(err)
		}
	}
}
