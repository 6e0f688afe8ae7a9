package link

import (
	"errors"
	"io"
	"testing"
	"time"

	"p2ptool/p2p/path"
)

func TestIdleLinkStaysAndSilentLinkEnds(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(10 * time.Minute)
		if w.a.Err() != nil || w.a.Path().Kind != path.Direct {
			t.Errorf("after ten idle minutes: %v, %v", w.a.Err(), w.a.Path())
		}
		w.set(func() {
			if n := w.sent[1]; n > 15*60 {
				t.Errorf("%d datagrams in ten idle minutes", n)
			}
			w.cut[1] = true
		})
		time.Sleep(10 * time.Second)
		if w.a.Err() != nil || w.a.Path().Kind != path.None {
			t.Errorf("after ten silent seconds: %v, %v", w.a.Err(), w.a.Path())
		}
		time.Sleep(2 * time.Minute)
		if !errors.Is(w.a.Err(), ErrIdle) {
			t.Errorf("after two silent minutes: %v", w.a.Err())
		}
	})
}

func TestCloseTellsCodeAndReason(t *testing.T) {
	t.Parallel()
	for _, loss := range []float64{0, 0.2} {
		run(t, func(w *testNetwork) { w.loss = loss }, func(t *testing.T, w *testNetwork) {
			time.Sleep(2 * time.Second)
			s, err := w.b.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			w.a.Close(AppCode, "enough")
			if took := time.Since(start); took > time.Second {
				t.Errorf("closing took %v", took)
			}
			_, err = s.Read(make([]byte, 1))
			var e *CloseError
			if !errors.As(err, &e) || !e.Remote || e.Code != AppCode || e.Reason != "enough" {
				t.Errorf("the peer reads %v", err)
			}
			if _, err := w.a.OpenStream(); err == nil {
				t.Error("a stream was opened on a closed link")
			}
		})
	}
}

// What was written just before the link is closed arrives, also over a path
// that loses.
func TestCloseDeliversWhatWasWritten(t *testing.T) {
	t.Parallel()
	for _, loss := range []float64{0, 0.05} {
		run(t, func(w *testNetwork) { w.loss = loss }, func(t *testing.T, w *testNetwork) {
			time.Sleep(2 * time.Second)
			s, err := w.a.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			s.Write([]byte("goodbye"))
			s.Close()
			w.a.Close(CodeDone, "")
			r, err := w.b.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); string(got) != "goodbye" || err != nil {
				t.Errorf("at loss %v: %q, %v", loss, got, err)
			}
		})
	}
}

// Nobody waits for what cannot arrive.
func TestCloseWithoutAPathIsQuick(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(2 * time.Second)
		w.set(func() { w.cut[1] = true })
		s, err := w.a.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write(bulk(1000))
		start := time.Now()
		w.a.Close(CodeDone, "")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("closing took %v", took)
		}
	})
}

func TestBothEndsCloseAtOnce(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(time.Second)
		start := time.Now()
		done := make(chan bool)
		for i, l := range []*Link{w.a, w.b} {
			go func() {
				l.Close(AppCode+uint64(i), "done")
				done <- true
			}()
		}
		<-done
		<-done
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		for i, l := range []*Link{w.a, w.b} {
			var e *CloseError
			if !errors.As(l.Err(), &e) || e.Remote || e.Code != AppCode+uint64(i) {
				t.Errorf("end %d: %v", i, l.Err())
			}
		}
	})
}

// CLOSE is sent again when it, or the answer, is lost.
func TestLostClose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, lost int // whose datagrams after Close are lost, how many
		heard      bool
	}{
		"the first":        {0, 1, true},
		"two":              {0, 2, true},
		"all":              {0, 100, false},
		"the first answer": {1, 1, true},
		"all answers":      {1, 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, nil, func(t *testing.T, w *testNetwork) {
				time.Sleep(time.Second)
				left := c.lost
				w.set(func() {
					w.drop = func(from int, _ []byte) bool {
						left--
						return from == c.from && left >= 0
					}
				})
				start := time.Now()
				w.a.Close(AppCode, "enough")
				if took := time.Since(start); took > time.Second {
					t.Errorf("closing took %v", took)
				}
				w.set(func() { w.drop = nil })
				time.Sleep(time.Second)
				var e *CloseError
				if heard := errors.As(w.b.Err(), &e); heard != c.heard || heard && e.Code != AppCode {
					t.Errorf("the other end: %v", w.b.Err())
				}
				w.b.Close(CodeDone, "")
			})
		})
	}
}

// A stream that ended whole is read to its end though the link has ended too.
func TestReadToTheEndOfAnEndedLink(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		s, _ := w.a.OpenStream()
		s.Write([]byte("all of it"))
		s.CloseWrite()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.a.Close(CodeDone, "")
		<-w.b.Done()
		if got, err := io.ReadAll(r); string(got) != "all of it" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
