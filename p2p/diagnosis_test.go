package p2p_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// diagnose connects, waits for the probes, and makes a diagnosis from the views of both ends.
func diagnose(t *testing.T, a, b *tester, r p2p.Require) p2p.Diagnosis {
	t.Helper()
	for _, p := range []*tester{a, b} {
		if _, err := p.NAT(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{Require: r})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	here, err := l.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there, err := l.PeerView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(there.Candidates) == 0 || len(there.Paths) == 0 || there.Age < 5*time.Second {
		t.Errorf("the other end tells %+v", there)
	}
	guess, err := l.Diagnose(t.Context())
	if err != nil || guess.Kind != l.Path().Kind {
		t.Errorf("by this end alone: %v, %v", guess, err)
	}
	return p2p.Diagnose(here, there)
}

func answersViews(o *p2p.PeerOptions) {
	o.Handlers = map[string]func(*p2p.Link, *p2p.Stream){p2p.ViewKind: p2p.AnswerView}
}

func TestDiagnosis(t *testing.T) {
	for _, c := range []struct {
		name    string
		a, b    netsim.Kind
		require p2p.Require
		want    string
	}{
		{"open", netsim.PortRestricted, netsim.PortRestricted, p2p.RequireAny, "direct"},
		{"relay alone", netsim.FullCone, netsim.FullCone, p2p.RequireRelay, "relayed: no other path is asked for here"},
		{"two symmetric", netsim.Symmetric, netsim.Symmetric, p2p.RequireAny,
			"relayed: the NATs of both sides are symmetric; a UDP port opened or mapped to either side, or IPv6 on both, would make it direct"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				_, ha := w.behind("198.51.100.1", "192.168.1.2", c.a)
				_, hb := w.behind("198.51.100.2", "192.168.1.2", c.b)
				a, b := w.peer(ha, answersViews), w.peer(hb, answersViews)
				if d := diagnose(t, a, b, c.require); d.String() != c.want {
					t.Errorf("%q, want %q", d, c.want)
				}
				a.Close()
				b.Close()
			})
		})
	}
}

// No router lies between two bare masquerades, and they are so close to each other that both sides
// cannot send at the same moment.
func TestDiagnosisOfBareMasquerades(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.net.SetHops(0)
		na, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.BareMasquerade)
		nb, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.BareMasquerade)
		w.host.Link(netsim.Link{Delay: oneWay, Jitter: 20 * time.Millisecond})
		na.Link(netsim.Link{Delay: 10 * time.Microsecond})
		nb.Link(netsim.Link{Delay: 10 * time.Microsecond})
		a, b := w.peer(ha, answersViews), w.peer(hb, answersViews)
		if d := diagnose(t, a, b, p2p.RequireAny); !strings.HasPrefix(d.String(), "relayed: the NATs of both sides are Linux masquerades") {
			t.Errorf("%q", d)
		}
		a.Close()
		b.Close()
	})
}

// Two peers are behind one NAT without hairpinning, and cannot reach each other on the LAN.
func TestDiagnosisBehindOneNAT(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		outer, _ := w.behind("198.51.100.1", "10.0.0.9", netsim.PortRestricted)
		ha := outer.Realm.NAT("10.0.0.1", netsim.PortRestricted).Host("192.168.1.2")
		hb := outer.Realm.NAT("10.0.0.2", netsim.PortRestricted).Host("192.168.1.2")
		a, b := w.peer(ha, answersViews), w.peer(hb, answersViews)
		if d := diagnose(t, a, b, p2p.RequireAny); !strings.HasPrefix(d.String(), "relayed: both are behind one NAT") {
			t.Errorf("%q", d)
		}
		a.Close()
		b.Close()
	})
}

// At first a diagnosis says only that probes are still running. Later it reports a lost path.
func TestDiagnosisOfALostPath(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		na, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.Symmetric)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.Symmetric)
		a, b := w.peer(ha, answersViews), w.peer(hb, nil)
		l, _ := mustConnect(t, a, b)
		d, err := l.Diagnose(t.Context())
		if want := "relayed: no address has answered so far; the peer's are still being tried"; err != nil || d.String() != want {
			t.Errorf("%q, %v, want %q", d, err, want)
		}
		if _, err := l.PeerView(t.Context()); !errors.Is(err, p2p.ErrRefused) {
			t.Errorf("of a peer that does not tell: %v", err)
		}
		na.Cut()
		time.Sleep(20 * time.Second)
		if d, err := l.Diagnose(t.Context()); err != nil || d.Kind != p2p.PathNone {
			t.Errorf("%q, %v", d, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.PeerView(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of a peer that is out of reach: %v", err)
		}
		a.Close()
		b.Close()
		if _, err := l.View(t.Context()); err == nil {
			t.Error("a link that has ended tells a view")
		}
	})
}

// Diagnose also handles views that a simulated network rarely produces.
func TestDiagnose(t *testing.T) {
	symmetric := p2p.NAT{Mapping: 3, Filtering: 3}
	restricted := p2p.NAT{Mapping: 1, Filtering: 3}
	bare := p2p.NAT{Mapping: 1, Filtering: 3, Bare: true}
	relay := p2p.PathReport{Kind: p2p.PathRelay, State: p2p.StateValid, InUse: true}
	direct := func(change func(*p2p.PathReport)) p2p.View {
		p := p2p.PathReport{Kind: p2p.PathDirect}
		change(&p)
		return p2p.View{Age: time.Minute, NAT: restricted, Paths: []p2p.PathReport{relay, p}}
	}
	plain := direct(func(*p2p.PathReport) {})
	heard := direct(func(p *p2p.PathReport) { p.Heard = true })
	tcp := func(v p2p.View) p2p.View {
		v.Paths = append([]p2p.PathReport{{Kind: p2p.PathTCPRelay, State: p2p.StateValid, InUse: true}}, v.Paths[1:]...)
		return v
	}
	with := func(v p2p.View, n p2p.NAT) p2p.View { v.NAT = n; return v }
	for want, views := range map[string][2]p2p.View{
		"the peer has no address":    {{Age: time.Minute, Paths: []p2p.PathReport{relay}}, plain},
		"the peer asks for no other": {plain, {Require: p2p.RequireRelay}},
		"reach the server from here": {tcp(plain), plain},
		"reach the server from the":  {plain, tcp(plain)},
		"answered before":            {direct(func(p *p2p.PathReport) { p.State = p2p.StateLost }), plain},
		"path to 192.0.2.9:7 answers, but packets of 576": {direct(func(p *p2p.PathReport) {
			p.Addr, p.Limited = netip.MustParseAddrPort("192.0.2.9:7"), true
		}), plain},
		"the relay path carries packets of at most 800 bytes": {{Age: time.Minute, Paths: []p2p.PathReport{{
			Kind: p2p.PathRelay, State: p2p.StateValid, InUse: true, Limited: true, Carries: 800}}}, plain},
		"the NAT here is symmetric":                          {with(plain, symmetric), plain},
		"the NATs of both sides are Linux masquerades":       {with(plain, bare), with(plain, bare)},
		"the NAT here is a Linux masquerade":                 {with(plain, bare), plain},
		"the peer's NAT is a Linux masquerade":               {plain, with(plain, bare)},
		"the peer's NAT is symmetric":                        {plain, with(plain, symmetric)},
		"a firewall at the peer":                             {heard, plain},
		"a firewall here":                                    {plain, heard},
		"a firewall drops UDP":                               {plain, plain},
		"none of the peer's 1 addresses answers; a UDP port": {plain, with(plain, p2p.NAT{})},
	} {
		if d := p2p.Diagnose(views[0], views[1]); !strings.Contains(d.String(), want) || d.Kind < p2p.PathRelay {
			t.Errorf("%q, want %q", d, want)
		}
	}
}
