package client

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
)

// found returns the process that a call gets to; 0: none.
func (p *testPeer) found(t *testing.T, g identity.GUID, takes uint32) uint64 {
	t.Helper()
	f, err := p.Lookup(t.Context(), g, takes)
	if err != nil {
		return 0
	}
	return f.Instance
}

// Who gets a call: the newest listener that takes it, and a fallback only where no
// listener does.
func TestWhoGetsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, key := netsim.New(1), newKey(t)
		s := startServer(t, n.Host(serverHost), nil)
		other := startPeer(t, n.Host("198.51.100.9"), nil)
		other.mustRegister(time.Second)
		hosts := 1
		join := func(change func(*Config)) *testPeer {
			t.Helper()
			hosts++
			p := startPeer(t, n.Host(fmt.Sprintf("198.51.100.%d", hosts)), func(c *Config) {
				c.Key, c.Listed = key, true
				change(c)
			})
			p.mustRegister(time.Second)
			time.Sleep(time.Second)
			return p
		}
		const chat, files = 1, 2
		check := func(when string, all, chats, both *testPeer) {
			t.Helper()
			for takes, want := range map[uint32]*testPeer{0: all, chat: chats, chat | files: both} {
				var instance uint64
				if want != nil {
					instance = want.config.Instance
				}
				if got := other.found(t, key.GUID(), takes); got != instance {
					t.Errorf("%s: a call for %b gets to %x, not to %x", when, takes, got, instance)
				}
			}
			list, err := other.List(t.Context())
			listed := 0
			for _, l := range list {
				if l.GUID == key.GUID() {
					listed++
				}
			}
			if want := min(1, len(list)-1); err != nil || listed != want || (all == nil) != (want == 0) {
				t.Errorf("%s: listed %d times, %v", when, listed, err)
			}
		}
		caller := join(func(c *Config) { c.Listening = false })
		check("only a caller", nil, nil, nil)
		joined := join(func(c *Config) { c.Listening, c.Fallback, c.Takes = false, true, chat|files })
		check("a fallback", joined, joined, joined)
		brief := join(func(c *Config) { c.Listening, c.Fallback, c.Takes = false, true, chat|files })
		check("a newer fallback", joined, joined, joined)
		brief.Close()
		old := join(func(c *Config) { c.Takes = chat | files })
		check("a listener", old, old, old)
		newest := join(func(c *Config) { c.Takes = files })
		check("a newer one that takes less", newest, old, old)
		s.Close()
		s.start()
		time.Sleep(time.Minute)
		check("the server was restarted", newest, old, old)
		old.Close()
		time.Sleep(time.Second)
		check("the older one has left", newest, joined, joined)
		newest.Close()
		time.Sleep(time.Second)
		check("all listeners have left", joined, joined, joined)
		if n := joined.count("replaced"); n != 0 {
			t.Errorf("a fallback was told %d times that it is replaced", n)
		}
		joined.Close()
		time.Sleep(time.Second)
		check("only the caller is left", nil, nil, nil)
		caller.Close()
	})
}

// A listener that was killed does not keep calls from the others: while it
// leaves one unanswered the next is found, and when it was only cut off it gets them again.
func TestCallsPassBySilentListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, key := netsim.New(1), newKey(t)
		_, first, second, h := twoListeners(t, n, key)
		other := startPeer(t, n.Host("198.51.100.5"), nil)
		other.mustRegister(time.Second)
		second.answerWith(echo)
		h.Cut()
		began := time.Now()
		call := func(p *testPeer) {
			go other.Introduce(t.Context(), Introduction{GUID: key.GUID(), Instance: p.config.Instance, Version: 1, What: rendezvous.WhatNewLink})
		}
		call(second)
		time.Sleep(time.Second)
		if other.found(t, key.GUID(), 0) != second.config.Instance {
			t.Error("the newest was given up after a second")
		}
		time.Sleep(time.Second)
		if other.found(t, key.GUID(), 0) != first.config.Instance {
			t.Errorf("the next one gets no calls %v after the newest was cut off", time.Since(began))
		}
		h.Heal()
		time.Sleep(6 * time.Second)
		if other.found(t, key.GUID(), 0) != second.config.Instance {
			t.Error("the newest is back and gets no calls")
		}
	})
}

// Many processes of one peer do not push each other off the server.
func TestTwentyProcessesOfOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, key := netsim.New(1), newKey(t)
		s := startServer(t, n.Host(serverHost), nil)
		h := n.Host("198.51.100.2")
		var all []*testPeer
		for range 20 {
			all = append(all, startPeer(t, h, func(c *Config) { c.Key, c.Listening = key, false }))
		}
		time.Sleep(time.Minute)
		if got := s.Stats().Peers; got != len(all) {
			t.Errorf("%d of %d are registered", got, len(all))
		}
		for _, p := range all {
			if lost := p.count("lost"); lost != 0 {
				t.Errorf("one lost the server %d times", lost)
			}
		}
	})
}
