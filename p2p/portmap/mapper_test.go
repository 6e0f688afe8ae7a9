package portmap

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// run runs a mapper during a test function.
func run(t *testing.T, speaks Protocol, scene func(r *router, m *Mapper)) {
	t.Helper()
	runWith(t, speaks, func(*router) {}, scene)
}

// runWith is like run, with a router that prepare configures.
func runWith(t *testing.T, speaks Protocol, prepare func(*router), scene func(r *router, m *Mapper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRouter(t, speaks)
		prepare(r)
		m := New(r.config())
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		scene(r, m)
		began := time.Now()
		cancel()
		running.Wait()
		if d := time.Since(began); d > time.Second {
			t.Errorf("ended after %v", d)
		}
		r.wg.Wait()
	})
}

// pass advances the virtual time.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestMapping(t *testing.T) {
	for _, protocol := range []Protocol{PCP, NATPMP} {
		t.Run(protocol.String(), func(t *testing.T) {
			var r *router
			run(t, protocol, func(router *router, m *Mapper) {
				r = router
				<-m.Asked()
				s := m.Status()
				if s.External != netip.MustParseAddrPort("11.0.0.1:5000") || s.Protocol != protocol || s.Nested() {
					t.Errorf("mapped: %v", s)
				}
				pass(9 * time.Minute)
				if asked, _, _ := r.counts(); asked != 1 {
					t.Errorf("asked %d times before half of the lifetime", asked)
				}
				pass(2 * time.Minute)
				if asked, _, changes := r.counts(); asked != 2 || changes != 1 {
					t.Errorf("asked %d times after it, %d changes", asked, changes)
				}
			})
			if _, released, _ := r.counts(); released != 1 {
				t.Errorf("removed %d times", released)
			}
		})
	}
}

// After a router's restart the mapping is requested again within a minute.
func TestRestart(t *testing.T) {
	run(t, PCP, func(r *router, m *Mapper) {
		<-m.Asked()
		pass(150 * time.Second)
		r.set(func() { r.booted, r.port = time.Now(), 6000 })
		pass(time.Minute)
		if got := m.Status().External.Port(); got != 6000 {
			t.Errorf("port %d after the restart", got)
		}
		if _, _, changes := r.counts(); changes != 2 {
			t.Errorf("%d changes", changes)
		}
	})
}

// Frequent hints cause only occasional requests.
func TestHint(t *testing.T) {
	run(t, PCP, func(r *router, m *Mapper) {
		<-m.Asked()
		for range 600 {
			m.Hint()
			pass(50 * time.Millisecond)
		}
		if asked, _, _ := r.counts(); asked < 5 || asked > 7 {
			t.Errorf("asked %d times in 30 s of hints", asked)
		}
	})
}

// A silent router is detected quickly, and a mapping of a router that becomes silent stays until it
// expires.
func TestSilence(t *testing.T) {
	run(t, None, func(_ *router, m *Mapper) {
		began := time.Now()
		<-m.Asked()
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("known after %v", d)
		}
		if s := m.Status(); !errors.Is(s.Err, ErrSilent) || s.External.IsValid() {
			t.Errorf("%v", s)
		}
	})
	run(t, NATPMP, func(r *router, m *Mapper) {
		<-m.Asked()
		r.set(func() { r.speaks = None })
		pass(19 * time.Minute)
		if !m.Status().External.IsValid() {
			t.Error("the mapping was dropped before it expired")
		}
		pass(2 * time.Minute)
		if _, _, changes := r.counts(); m.Status().External.IsValid() || changes != 2 {
			t.Errorf("%v, %d changes", m.Status(), changes)
		}
	})
}

func TestRefusal(t *testing.T) {
	runWith(t, PCP, func(r *router) { r.refusal = 2 }, func(r *router, m *Mapper) {
		<-m.Asked()
		refusal, ok := errors.AsType[*ResultError](m.Status().Err)
		if !ok || refusal.Protocol != PCP || refusal.Code != 2 {
			t.Errorf("%v", m.Status())
		}
	})
}

func TestNested(t *testing.T) {
	runWith(t, PCP, func(r *router) { r.external = netip.MustParseAddr("100.64.0.9") }, func(r *router, m *Mapper) {
		<-m.Asked()
		if s := m.Status(); !s.Nested() {
			t.Errorf("%v", s)
		}
	})
}

// Invalid addresses are rejected, and short lifetimes do not cause many requests.
func TestInvalidAnswers(t *testing.T) {
	for _, ip := range []string{"0.0.0.0", "224.0.0.1", "127.0.0.1", "255.255.255.255", "2001:db8::1"} {
		runWith(t, PCP, func(r *router) { r.external = netip.MustParseAddr(ip) }, func(r *router, m *Mapper) {
			<-m.Asked()
			if m.Status().External.IsValid() {
				t.Errorf("mapped at %s", ip)
			}
		})
	}
	runWith(t, PCP, func(r *router) { r.life = 1 }, func(r *router, m *Mapper) {
		<-m.Asked()
		pass(5 * time.Minute)
		if asked, _, _ := r.counts(); asked > 15 {
			t.Errorf("asked %d times in 5 minutes", asked)
		}
	})
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRouter(t, NATPMP)
		_, answers, err := Check(t.Context(), r.config())
		if err != nil || len(answers) != 2 || answers[0].Err == nil || answers[1].Err != nil || answers[1].External != r.external {
			t.Errorf("%+v, %v", answers, err)
		}
		if asked, _, _ := r.counts(); asked != 0 {
			t.Error("Check requested a mapping")
		}
		r.wg.Wait()
	})
}

func TestEpoch(t *testing.T) {
	begin := time.Now()
	for _, tt := range []struct {
		after   time.Duration
		seconds uint32 // the first was 1000
		want    bool
	}{
		{time.Minute, 1060, false},
		{time.Minute, 1063, false},
		{time.Minute, 1057, false},
		{time.Minute, 10, true},
		{time.Hour, 3000, true},
		{time.Minute, 1_000_000, true},
		{0, 999, false},
		{10 * time.Second, 998, true},
	} {
		var e epoch
		if e.restarted(begin, 1000) {
			t.Error("the first epoch counts as a restart")
		}
		if got := e.restarted(begin.Add(tt.after), tt.seconds); got != tt.want {
			t.Errorf("after %v at %d: %v", tt.after, tt.seconds, got)
		}
	}
}
