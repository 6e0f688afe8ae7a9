package path

import (
	"net/netip"
	"testing"
	"time"

	"p2ptool/p2p/rtt"
)

// A flowStub is a Flow without a link.
type flowStub struct{ trip rtt.Estimator }

func (f *flowStub) RTT() *rtt.Estimator { return &f.trip }
func (f *flowStub) InFlight() int       { return 0 }
func (f *flowStub) Carried() uint64     { return 0 }
func (f *flowStub) SetMTU(int)          {}
func (f *flowStub) Abandon()            {}

func newTestManager(now time.Time) *Manager {
	return NewManager(Config{
		Initiator: true,
		Route:     func(a netip.AddrPort) (Route, bool) { return Route{Socket: 1, Addr: a}, true },
		Own:       func(netip.Addr) bool { return false },
		Kind:      func(Route) Kind { return Relay },
		OpenerTTL: func() int { return OpenerTTL },
		NewFlow:   func(*Path) Flow { return new(flowStub) },
	}, now)
}

// A PONG validates a path only if its PING went to the same port. After that, the peer's other ports are
// ignored.
func TestProberDecides(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	m := newTestManager(now)
	host := netip.MustParseAddr("192.0.2.1")
	at := func(port uint16) Route { return Route{Socket: 1, Addr: netip.AddrPortFrom(host, port)} }
	elsewhere, relayed, other := at(7), at(7), at(7)
	elsewhere.Addr = netip.MustParseAddrPort("192.0.2.99:7")
	relayed.Channel = 1
	other.Socket = 2
	m.ProbePorts(now, 1, host, []uint16{7, 8}, func() {})
	m.Advance(now)
	ids := map[uint16]uint64{}
	for _, q := range m.Probes() {
		if q.Route != at(q.Route.Addr.Port()) || !q.HasPing || !q.Padded || q.TTL != 0 {
			t.Errorf("probe %+v", q)
		}
		ids[q.Route.Addr.Port()] = q.Ping
	}
	if len(ids) != 2 {
		t.Fatalf("%d ports were probed", len(ids))
	}
	for _, c := range []struct {
		route Route
		id    uint64
		want  bool
	}{
		{at(8), ids[7], false}, {elsewhere, ids[7], false}, {relayed, ids[7], false}, {at(7), ids[7] + 1, false},
		{other, ids[7], false}, {at(7), ids[7], true},
	} {
		if _, ok := m.proberAnswered(c.route, c.id); ok != c.want {
			t.Errorf("a PONG %d by %v: %v", c.id, c.route.Addr, ok)
		}
	}
	if m.proberDeaf(at(7)) || !m.proberDeaf(at(8)) || m.proberDeaf(elsewhere) || m.proberDeaf(relayed) {
		t.Error("once decided, it does not hear what it should, or hears what it should not")
	}
}
