package link

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/udp"
)

// Whatever comes, an inbox holds so much memory and no more, and releases it.
// Deliver waits a moment for a loop that is behind, not longer, and not at all once the loop has
// handled what waited, or the link has ended.
func TestDeliverWaitsForALoopThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(Config{OnPath: func(Path) {}})
		defer l.release()
		buf := udp.NewBuffer()
		defer buf.Release()
		deliver := func() time.Duration {
			start := time.Now()
			l.Deliver(Route{}, udp.Batch{Data: buf.Bytes()[:60_000], Size: 60_000, Buf: buf})
			return time.Since(start)
		}
		for i := range 2 * maxInbox / bufferSize {
			want := time.Duration(0)
			if (i+1)*(bufferSize) > maxInbox/2 {
				want = reliefWait
			}
			if took := deliver(); took != want {
				t.Fatalf("delivery %d took %v, not %v", i, took, want)
			}
		}
		go func() {
			synctest.Wait()
			l.relieve()
		}()
		if took := deliver(); took != 0 {
			t.Errorf("a delivery took %v though the loop was there", took)
		}
		l.end(errors.New("over"))
		if took := deliver(); took != 0 {
			t.Errorf("a delivery to a link that has ended took %v", took)
		}
	})
}

func TestInbox(t *testing.T) {
	t.Parallel()
	for _, size := range []int{30, 1200, copyBelow - 1, copyBelow, 60_000} {
		var in inbox
		buffers := map[*udp.Buffer]bool{}
		taken := 0
		for range 2 {
			buf := udp.NewBuffer()
			for range 2 * maxInbox / (size + arrivalCost) {
				if size >= copyBelow {
					buf.Release()
					buf = udp.NewBuffer()
				}
				in.put(Route{}, udp.Batch{Data: buf.Bytes()[:size], Size: size, Buf: buf})
			}
			buf.Release()
			all := in.drain(nil)
			clear(buffers)
			taken = len(all)
			for _, a := range all {
				buffers[a.batch.Buf] = true
				if len(a.batch.Data) != size {
					t.Fatalf("%d bytes of %d", len(a.batch.Data), size)
				}
				a.batch.Buf.Release()
			}
			if memory := len(buffers)*bufferSize + taken*arrivalCost; memory > maxInbox+2*bufferSize {
				t.Errorf("size %d: %d bytes are held", size, memory)
			}
		}
		if want := maxInbox / max(size+arrivalCost, bufferSize); taken < want {
			t.Errorf("size %d: %d are held, want %d", size, taken, want)
		}
	}
}
