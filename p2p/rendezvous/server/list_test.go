package server

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
)

// A list longer than the server's limit of requests comes whole, at its pace.
func TestLongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		p := startPeer(t, n.Host("198.51.100.2"), nil)
		p.mustRegister(time.Second)
		const many = 15_000
		s.mu.Lock()
		for i := range many {
			m := s.registry.add(s.now(), source(i))
			m.name = strings.Repeat("n", 20)
			m.guid, m.flags, m.instance, m.interval = identity.GUID{1, byte(i >> 16), byte(i >> 8), byte(i)}, rendezvous.FlagListening|rendezvous.FlagListed, 1, 1000
			s.registry.confirm(s.now(), m)
		}
		s.mu.Unlock()
		start := time.Now()
		list, err := p.List(t.Context())
		if err != nil || len(list) != many {
			t.Errorf("%d of %d peers are listed after %v, %v", len(list), many, time.Since(start), err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
