package path

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

func TestCandidatesRoundTrip(t *testing.T) {
	want := []Candidate{
		{Host, netip.MustParseAddrPort("192.168.1.2:4000")},
		{ServerReflexive, netip.MustParseAddrPort("[2001:db8::1]:65535")},
	}
	b := AppendCandidates(nil, want)
	got, rest, err := ParseCandidates(append(b, 7))
	if err != nil || len(rest) != 1 || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, rest %d, %v", got, len(rest), err)
	}
	for n := range b {
		if _, _, err := ParseCandidates(b[:n]); err == nil {
			t.Errorf("read candidates cut to %d bytes", n)
		}
	}
}

func TestUsable(t *testing.T) {
	for addr, want := range map[string]bool{
		"192.0.2.1:1": true, "[2001:db8::1]:1": true, "[fe80::1]:1": true,
		"192.0.2.1:0": false, "0.0.0.0:1": false, "[::]:1": false, "224.0.0.1:1": false,
		"[ff02::1]:1": false, "255.255.255.255:1": false, "127.0.0.1:1": false, "[::1]:1": false,
	} {
		if got := Usable(netip.MustParseAddrPort(addr), false); got != want {
			t.Errorf("Usable(%s) = %v", addr, got)
		}
	}
	if !Usable(netip.MustParseAddrPort("127.0.0.1:1"), true) {
		t.Error("loopback is not usable on one host")
	}
}

// probes returns the offsets at which a schedule probes within d.
func probes(s Schedule, start time.Time, d time.Duration) (out []time.Duration) {
	for {
		at, ok := s.Due()
		if !ok || at.After(start.Add(d)) {
			return out
		}
		out = append(out, at.Sub(start))
		s.Sent(at)
	}
}

func TestSchedule(t *testing.T) {
	start := time.Unix(0, 0)
	got := probes(NewSchedule(start), start, 5*time.Minute)
	const ms = time.Millisecond
	for i, want := range []time.Duration{0, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 360 * ms, 560 * ms} {
		if got[i] != want {
			t.Errorf("probe %d at %v, want %v", i, got[i], want)
		}
	}
	if n := len(probes(NewSchedule(start), start, 5*time.Second)); n < 25 || n > 35 {
		t.Errorf("%d probes in 5 s", n)
	}
	if last := got[len(got)-1] - got[len(got)-2]; last != time.Minute {
		t.Errorf("after five minutes still a probe every %v", last)
	}
	if len(got) > 45 {
		t.Errorf("%d probes in five minutes", len(got))
	}
	if n := len(probes(NewShortSchedule(start), start, time.Hour)); n != 8 {
		t.Errorf("%d probes of an address that only the peer named", n)
	}
	var none Schedule
	if _, ok := none.Due(); ok {
		t.Error("the zero schedule is due")
	}
	soon := start.Add(time.Millisecond)
	later := NewSchedule(start.Add(time.Second))
	later.Hasten(soon)
	if at, ok := later.Due(); !ok || !at.Equal(soon) {
		t.Errorf("hastened to %v, %v", at, ok)
	}
	later.Sent(soon)
	next, _ := later.Due()
	later.Hasten(soon.Add(time.Millisecond))
	if at, _ := later.Due(); !at.Equal(next) {
		t.Errorf("what has begun moved from %v to %v", next, at)
	}
	none.Hasten(soon)
	if _, ok := none.Due(); ok {
		t.Error("the zero schedule is due when hastened")
	}
}

func TestBetter(t *testing.T) {
	q := func(k Kind, a string, rtt int) Quality {
		return Quality{k, netip.MustParseAddr(a), time.Duration(rtt) * time.Millisecond}
	}
	lan, v6, v4 := "10.0.0.1", "2001:db8::1", "192.0.2.1"
	for _, c := range []struct {
		name     string
		new, now Quality
		want     bool
	}{
		{"direct beats relay at any round trip", q(Direct, v4, 300), q(Relay, v4, 20), true},
		{"relay never beats direct", q(Relay, v4, 1), q(Direct, v4, 300), false},
		{"lan beats direct", q(LAN, lan, 1), q(Direct, v4, 1), true},
		{"IPv6 beats IPv4 when near", q(Direct, v6, 24), q(Direct, v4, 20), true},
		{"IPv6 does not when far", q(Direct, v6, 26), q(Direct, v4, 20), false},
		{"IPv4 does not come back when near", q(Direct, v4, 20), q(Direct, v6, 24), false},
		{"IPv4 wins when much shorter", q(Direct, v4, 10), q(Direct, v6, 24), true},
		{"alike stays", q(Direct, v4, 19), q(Direct, v4, 20), false},
	} {
		if got := c.new.Better(c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func FuzzParseCandidates(f *testing.F) {
	f.Add(AppendCandidates(nil, []Candidate{{Host, netip.MustParseAddrPort("192.168.1.2:4000")}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		cs, rest, err := ParseCandidates(b)
		if err == nil && !bytes.Equal(append(AppendCandidates(nil, cs), rest...), b) {
			t.Errorf("%x does not survive", b)
		}
	})
}
