package client

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
)

// twoListeners starts a server and two processes of one peer, which listen one after the other. The
// second is on the host that is returned.
func twoListeners(t *testing.T, n *netsim.Net, key identity.SecretKey) (s *testServer, first, second *testPeer, h *netsim.Host) {
	s = startServer(t, n.Host(serverHost), nil)
	first = startPeer(t, n.Host("198.51.100.2"), withKey(key))
	first.mustRegister(time.Second)
	time.Sleep(7 * time.Second)
	h = n.Host("198.51.100.3")
	second = startPeer(t, h, withKey(key))
	second.mustRegister(time.Second)
	return s, first, second, h
}

func TestNewestListenerWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, key := netsim.New(1), newKey(t)
		s, first, second, _ := twoListeners(t, n, key)
		calling := startPeer(t, n.Host("198.51.100.4"), func(c *Config) { c.Key, c.Listening = key, false })
		calling.mustRegister(time.Second)
		other := startPeer(t, n.Host("198.51.100.5"), nil)
		other.mustRegister(time.Second)

		check := func(when string) {
			t.Helper()
			time.Sleep(time.Minute)
			f, err := other.Lookup(t.Context(), key.GUID(), 0)
			if err != nil || f.Instance != second.config.Instance {
				t.Errorf("%s the listener is %v, %v", when, f.Instance, err)
			}
			if a, b, c := first.count("replaced"), second.count("replaced"), calling.count("replaced"); a != 1 || b+c != 0 {
				t.Errorf("%s the listeners were told %d, %d, %d times", when, a, b, c)
			}
			if got := s.Stats().Peers; got != 4 {
				t.Errorf("%s %d processes are registered", when, got)
			}
		}
		check("at first")
		for i := range 5 { // whoever of them comes back first
			time.Sleep(2 * time.Second)
			s.Close()
			s.start()
			check(fmt.Sprintf("after restart %d", i))
		}
		f, err := other.LookupInstance(t.Context(), key.GUID(), first.config.Instance)
		if err != nil || f.Instance != first.config.Instance {
			t.Errorf("the first is not found by its instance: %v", err)
		}
	})
}

// When the newest listener leaves, or falls silent, the one before is found again and told so,
// and one that only calls is not.
func TestListenerTakesThePlaceBack(t *testing.T) {
	for name, leave := range map[string]func(*testPeer, *netsim.Host){
		"leaves":       func(p *testPeer, _ *netsim.Host) { p.Close() },
		"falls silent": func(_ *testPeer, h *netsim.Host) { h.Cut() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, key := netsim.New(1), newKey(t)
				s, first, second, h := twoListeners(t, n, key)
				startPeer(t, n.Host("198.51.100.4"), func(c *Config) { c.Key, c.Listening = key, false }).mustRegister(time.Second)
				other := startPeer(t, n.Host("198.51.100.5"), nil)
				other.mustRegister(time.Second)
				listener := func() uint64 {
					f, err := other.Lookup(t.Context(), key.GUID(), 0)
					if err != nil {
						return 0
					}
					return f.Instance
				}
				leave(second, h)
				time.Sleep(2 * time.Minute)
				if listener() != first.config.Instance || first.count("replaced") != 1 || first.count("restored") != 1 {
					t.Errorf("told of %d replacements and %d ends of it, found: %v", first.count("replaced"), first.count("restored"), listener() == first.config.Instance)
				}
				s.Close()
				s.start()
				time.Sleep(time.Minute)
				if listener() != first.config.Instance {
					t.Error("it is not found after a restart of the server")
				}
			})
		})
	}
}

// Where the server restarts and the newest listener does not come back, the one that stood by
// takes its place.
func TestStandbyAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, first, _, h := twoListeners(t, netsim.New(1), newKey(t))
		time.Sleep(time.Minute)
		h.Cut()
		s.Close()
		s.start()
		time.Sleep(time.Minute)
		if r, b := first.count("replaced"), first.count("restored"); r != 1 || b != 1 {
			t.Errorf("told of %d replacements and %d ends of it", r, b)
		}
	})
}

func TestReplacedIsToldWhenItsNoticeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		key := newKey(t)
		h := n.Host("198.51.100.2")
		first := startPeer(t, h, withKey(key))
		first.mustRegister(time.Second)
		time.Sleep(6 * time.Second)
		h.Cut()
		startPeer(t, n.Host("198.51.100.3"), withKey(key)).mustRegister(time.Second)
		time.Sleep(time.Second)
		h.Heal()
		time.Sleep(10 * time.Second)
		if first.count("replaced") != 1 {
			t.Error("the listener was not told that it is replaced")
		}
	})
}
