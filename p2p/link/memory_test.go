package link

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/stream"
	"p2ptool/p2p/link/wire"
)

// Several hostile peers together make their victim hold no more than the bound, which is
// there again once their links have ended.
func TestMemoryOfManyLinks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 4 << 20
		asked := 0
		m := NewMemory(limit, func() { asked++ })
		var peers []*maliciousPeer
		for range 8 {
			v := newMaliciousPeer()
			v.link.SetMemory(m)
			peers = append(peers, v)
		}
		for id := uint64(0); id < 2*100; id += 2 {
			for _, v := range peers { // the last byte of each stream's first window
				last := spans.Span{Start: stream.FirstWindow - 1, End: stream.FirstWindow}
				v.say(append(wire.AppendStreamHead(nil, id, last, false), 'x'))
			}
		}
		sum, held := 0, 0
		for _, v := range peers {
			sum += v.holdings()
			held += v.link.Held()
		}
		if sum > limit+len(peers)*100_000 || held > limit || int64(held) != m.Held() {
			t.Errorf("the links hold %d bytes, and say %d and %d, want at most %d", sum, held, m.Held(), limit)
		}
		if asked == 0 {
			t.Error("nobody was asked to make room")
		}
		for _, v := range peers {
			if v.link.Err() != nil {
				t.Errorf("a link has ended: %v", v.link.Err())
			}
			v.link.Close(CodeDone, "")
		}
		synctest.Wait()
		if m.Held() != 0 {
			t.Errorf("%d bytes are counted that nobody holds", m.Held())
		}
	})
}

// What an honest link counts is given back with each stream, however it ends, and a transfer
// that needs more than there is gets through in turns.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.loss = 0.02 }, func(t *testing.T, w *testNetwork) {
		m := NewMemory(4*streamCost, nil)
		w.b.SetMemory(m)
		for range 10 {
			s, _ := w.a.OpenStream()
			go func() {
				s.Write(bulk(300_000))
				s.CloseWrite()
			}()
		}
		for i := range 10 {
			r, err := w.b.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch i % 3 {
			case 0:
				r.Reset(9)
			case 1:
				io.CopyN(io.Discard, r, 1000)
				r.Close()
			default:
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, bulk(300_000)) {
					t.Errorf("%d bytes arrived: %v", len(got), err)
				}
				r.CloseWrite() // both directions have ended
			}
		}
		time.Sleep(10 * time.Second)
		if m.Held() != 0 || w.b.Held() != 0 {
			t.Errorf("%d bytes are counted, %d of the link, with %d streams", m.Held(), w.b.Held(), w.b.streams.count())
		}
	})
}
