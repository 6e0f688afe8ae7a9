package p2p_test

import (
	"io"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// When the mapping of a peer that only receives changes, data arrives again within
// three seconds. The peer has no packets in flight whose loss it could notice.
func TestReceiverMoves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		nb, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		arrived := make(chan time.Time, 1000)
		a := w.peer(ha, nil)
		b := w.peer(hb, func(o *p2p.PeerOptions) {
			o.Handlers = map[string]func(*p2p.Link, *p2p.Stream){"sink": func(_ *p2p.Link, s *p2p.Stream) {
				defer close(arrived)
				for buf := make([]byte, 1000); ; arrived <- time.Now() {
					if _, err := io.ReadFull(s, buf); err != nil {
						return
					}
				}
			}}
		})
		l, _ := mustConnect(t, a, b)
		s, err := l.OpenStream("sink")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			if i == 100 {
				nb.Rebind()
			}
			s.Write(make([]byte, 1000))
			time.Sleep(50 * time.Millisecond)
		}
		s.Close()
		last := time.Now()
		var stall time.Duration
		n := 0
		for at := range arrived {
			if n++; n > 1 {
				stall = max(stall, at.Sub(last))
			}
			last = at
		}
		if n != 300 || stall > 3*time.Second {
			t.Errorf("%d of 300 arrived, nothing for %v", n, stall)
		}
		a.Close()
		b.Close()
	})
}
