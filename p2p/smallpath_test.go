package p2p_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

const headers = 20 + 8 // of IPv4 and UDP

// A host's access link carries only small packets, from the start or suddenly. Its links carry
// data within seconds, and they know the limit.
func TestSmallPaths(t *testing.T) {
	for _, limit := range []int{576, 800, 1000, 1100, 1199, 1227, 1280, 1400} {
		for _, require := range []p2p.Require{p2p.RequireAny, p2p.RequireRelay} {
			for _, suddenly := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d require=%d suddenly=%v", limit, require, suddenly), func(t *testing.T) {
					t.Parallel()
					inWorld(t, func(t *testing.T, w *world) { smallPath(t, w, limit, require, suddenly) })
				})
			}
		}
	}
}

func smallPath(t *testing.T, w *world, limit int, require p2p.Require, suddenly bool) {
	const within = 5 * time.Second
	_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
	_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
	narrow := func(mtu int) {
		ha.Link(netsim.Link{Delay: oneWay, Rate: 1_250_000, MTU: mtu})
	}
	narrow(1500 - headers)
	if !suddenly {
		narrow(limit - headers)
	}
	var arrived atomic.Int64
	sink := func(o *p2p.PeerOptions) {
		o.Handlers = map[string]func(*p2p.Link, *p2p.Stream){
			"echo": echo, p2p.ViewKind: p2p.AnswerView,
			"sink": func(_ *p2p.Link, s *p2p.Stream) {
				for buf := make([]byte, 1000); ; {
					n, err := s.Read(buf)
					if arrived.Add(int64(n)); err != nil {
						return
					}
				}
			},
		}
	}
	a, b := w.peer(ha, nil), w.peer(hb, sink)
	began := time.Now()
	l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{Require: require})
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.OpenStream("sink")
	if err != nil {
		t.Fatal(err)
	}
	go func() { io.Copy(s, zeros{}) }()
	if suddenly {
		time.Sleep(2 * time.Second)
		narrow(limit - headers)
		began = time.Now()
	}
	before := arrived.Load()
	for arrived.Load() < before+300_000 { // more than was in flight
		if time.Sleep(50 * time.Millisecond); time.Since(began) > within {
			t.Errorf("%d bytes in %v, path %v", arrived.Load()-before, time.Since(began), l.Path())
			break
		}
	}
	s.Close()
	time.Sleep(3 * time.Second)
	for range 50 { // the search for the largest size takes about 20 probe timeouts
		if limit >= 1228 || l.Path().Limit > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	checkLimit(t, l, limit, require)
	checkEcho(t, l, 3000)
	a.Close()
	b.Close()
}

// checkLimit checks that a link's path has the expected kind, and that the link reports the
// limit only if it is small.
func checkLimit(t *testing.T, l *p2p.Link, limit int, require p2p.Require) {
	t.Helper()
	path := l.Path()
	if path.Kind.Relayed() != (require == p2p.RequireRelay) {
		t.Errorf("path is %v", path)
	}
	d, err := l.Diagnose(t.Context())
	if err != nil {
		t.Error(err)
	}
	switch told := path.Limit > 0; {
	case limit >= 1228 && (told || strings.Contains(d.Why, "carries")):
		t.Errorf("it is said that a path of %d carries %d: %v", limit, path.Limit, d)
	case limit < 1228 && (path.Limit > limit || path.Limit < limit-16 || !strings.Contains(d.Why, fmt.Sprint(path.Limit))):
		t.Errorf("it is said that a path of %d carries %d: %v", limit, path.Limit, d)
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// A link does not use a direct path that carries less than every path must, even if the peer answers
// short pings on it.
func TestPathThatCarriesOnlySmallPackets(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.FullCone)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.FullCone)
		a, b := w.peer(ha, nil), w.peer(hb, answersViews)
		w.net.Narrow("198.51.100.1", "198.51.100.2", 400)
		l, _ := mustConnect(t, a, b)
		if l.Path().Kind != p2p.PathRelay {
			t.Errorf("path is %v", l.Path())
		}
		time.Sleep(6 * time.Second)
		d, err := l.Diagnose(t.Context())
		if want := "packets of 576 bytes do not get through"; err != nil || !strings.Contains(d.Why, want) {
			t.Errorf("%v, %v, want %q", d, err, want)
		}
		a.Close()
		b.Close()
	})
}
