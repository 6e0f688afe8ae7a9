package p2p_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// arrivals records the times at which data was read from a stream.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

// watch is a stream handler that reads everything.
func (a *arrivals) watch(_ *p2p.Link, s *p2p.Stream) {
	b := make([]byte, 64<<10)
	for {
		if _, err := s.Read(b); err != nil {
			return
		}
		a.mu.Lock()
		a.at = append(a.at, time.Now())
		a.mu.Unlock()
	}
}

// first returns how long after the given time the first new data arrived. It
// ignores data that may already have been in flight then.
func (a *arrivals) first(after time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.at {
		if d := at.Sub(after); d > 4*oneWay {
			return d
		}
	}
	return time.Hour
}

// A relayed transfer continues within two seconds after the server has restarted
// without its state, however long it was away.
func TestRelayedTransferSurvivesServerRestart(t *testing.T) {
	t.Parallel()
	for _, away := range []time.Duration{0, 200 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 28 * time.Second, time.Minute} {
		for _, both := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, data both ways: %v", away, both), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(2) {
					restartUnderTransfer(t, seed, away, both)
				}
			})
		}
	}
}

// A call fails with ErrNoServer or ErrOffline if the server stops just before the call, or during it while
// the other peer does not answer.
func TestServerStopsDuringCall(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{-time.Second, 4 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				gone := w.net.Host("198.51.100.2")
				a, b := w.public("198.51.100.1", nil), w.peer(gone, nil)
				for _, p := range []*tester{a, b} {
					if err := p.Registered(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				gone.Cut() // as if it were killed: the server notices later
				if after < 0 {
					w.host.Cut()
					time.Sleep(-after)
				} else {
					time.AfterFunc(after, w.host.Cut)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				_, err := a.Connect(ctx, b.GUID(), p2p.ConnectOptions{})
				if took := time.Since(began); !errors.Is(err, p2p.ErrNoServer) && !errors.Is(err, p2p.ErrOffline) || took > 25*time.Second {
					t.Errorf("%v after %v", err, took)
				}
				a.Close()
				b.Close()
			})
		})
	}
}

// restartUnderTransfer restarts the server during a relayed transfer.
func restartUnderTransfer(t *testing.T, seed uint64, away time.Duration, both bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: netsim.New(seed), key: newKey(t)}
		w.host = w.net.Host(serverIP)
		w.host.Link(netsim.Link{Delay: oneWay, Rate: 1_000_000})
		w.serve()
		var there, here arrivals
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.Symmetric)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.Symmetric)
		relayed := func(in *arrivals) func(o *p2p.PeerOptions) {
			return func(o *p2p.PeerOptions) {
				o.NoSpray = true
				o.Handlers["sink"] = in.watch
			}
		}
		a, b := w.peer(ha, relayed(&here)), w.peer(hb, relayed(&there))
		l, _ := mustConnect(t, a, b)
		send := func(l *p2p.Link) {
			s, err := l.OpenStream("sink")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				data := make([]byte, 64<<10)
				for {
					if _, err := s.Write(data); err != nil {
						return
					}
				}
			}()
		}
		send(l)
		if both {
			other, err := b.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			send(other)
		}
		time.Sleep(3*time.Second + time.Duration(seed)*770*time.Millisecond)
		if l.Path().Kind != p2p.PathRelay {
			t.Fatalf("the path is %v", l.Path())
		}
		w.server.Close()
		time.Sleep(away)
		w.serve()
		back := time.Now()
		time.Sleep(4 * time.Second)
		if d := there.first(back); d > 2*time.Second {
			t.Errorf("seed %d, away for %v: data again after %v", seed, away, d)
		} else {
			t.Logf("seed %d, away for %v: data again after %v", seed, away, d)
		}
		if d := here.first(back); both && d > 2*time.Second {
			t.Errorf("seed %d, away for %v: data the other way after %v", seed, away, d)
		}
		a.Close()
		b.Close()
		w.server.Close()
		w.net.Close()
	})
}
