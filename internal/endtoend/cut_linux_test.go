package endtoend

import (
	"encoding/hex"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"lukechampine.com/blake3"

	"p2ptool/internal/natlab"
)

// TestPathCut cuts the direct path, but not the paths to the server, during a transfer from a
// pipe. The transfer lasts until the path is back.
func TestPathCut(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	receiver := s.bob.receive("--once")
	cmd := s.ann.command("send", "-", "--name", "stream", "--to", s.bob.guid)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	sender := start(t, s.ann.on, "ann: p2ptool send -", cmd)
	source := trickle(t, pipe)
	receiver.await(patience, "progress", beyond(2*mB))
	for _, p := range []*program{sender, receiver} {
		if p.path() != "direct" {
			t.Fatalf("%s is on path %q", p.name, p.path())
		}
	}

	cut := time.Now()
	atSender, atReceiver := sender.mark(), receiver.mark()
	s.routerA.Part(s.routerB)
	e := sender.awaitFrom(atSender, 8*time.Second, "relay", onPath("relay"))
	receiver.awaitFrom(atReceiver, 8*time.Second, "relay", onPath("relay"))
	t.Logf("relayed %v after the cut", e.seen.Sub(cut).Round(time.Millisecond))

	receiver.awaitFrom(receiver.mark(), 5*time.Second, "progress by the relay", is("progress"))
	t.Logf("nothing arrived for %v", longestStall(receiver, cut).Round(time.Millisecond))
	healed := time.Now()
	atSender, atReceiver = sender.mark(), receiver.mark()
	s.routerA.Join(s.routerB)
	e = sender.awaitFrom(atSender, 70*time.Second, "direct path", onPath("direct"))
	receiver.awaitFrom(atReceiver, 70*time.Second, "direct path", onPath("direct"))
	t.Logf("direct %v after the path was restored", e.seen.Sub(healed).Round(time.Millisecond))

	size, sum := source.end()
	sender.end(0)
	receiver.end(0)
	if got := digests(t, s.bob.path("in")); len(got) != 1 || got["stream"] != sum {
		t.Errorf("%d bytes arrived as %v, want %s", size, got, sum)
	}
}

// A source writes to a program's stdin at 3 MB/s.
type source struct {
	quit func() // stops writing and waits for that
	size int64
	hash *blake3.Hasher
}

// trickle starts a source, which writes until end is called.
func trickle(t *testing.T, w io.WriteCloser) *source {
	s := &source{hash: blake3.New(32, nil)}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	s.quit = sync.OnceFunc(func() { close(stop); writing.Wait() })
	writing.Go(func() {
		defer w.Close()
		random := rand.NewChaCha8([32]byte{7})
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for buf := make([]byte, 60*kB); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			random.Read(buf)
			n, err := w.Write(buf)
			s.size += int64(n)
			s.hash.Write(buf[:n])
			if err != nil {
				return // the program has ended, as the test will find
			}
		}
	})
	t.Cleanup(s.quit)
	return s
}

// end closes stdin, and returns the size and the digest of what was written.
func (s *source) end() (size int64, digest string) {
	s.quit()
	return s.size, hex.EncodeToString(s.hash.Sum(nil))
}
