package natmatrix

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/udp"
)

var update = flag.Bool("update", false, "write the table and the picture of docs/nat.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A side is a peer's connection to the internet: a NAT or none.
type side struct {
	name string
	kind netsim.Kind
	nat  bool // false: no NAT
}

// sides are ordered from the least to the most restrictive.
var sides = []side{
	{"no NAT", 0, false},
	{"full cone", netsim.FullCone, true},
	{"address-restricted", netsim.AddressRestricted, true},
	{"port-restricted", netsim.PortRestricted, true},
	{"bare masquerade", netsim.BareMasquerade, true},
	{"symmetric, sequential", netsim.SymmetricSequential, true},
	{"symmetric", netsim.Symmetric, true},
}

// place adds a host with this side to the network.
func (s side) place(net *netsim.Net, addr string, delay time.Duration) udp.Network {
	if !s.nat {
		h := net.Host(addr)
		h.Link(netsim.Link{Delay: delay})
		return h
	}
	n := net.NAT(addr, s.kind)
	n.Link(netsim.Link{Delay: delay})
	return n.Host("192.168.1.2")
}

// sequential reports whether the NAT uses predictable ports.
func (s side) sequential() bool { return s.nat && s.kind == netsim.SymmetricSequential }

func (s side) symmetric() bool {
	return s.sequential() || s.nat && s.kind == netsim.Symmetric
}

// strict reports whether the NAT filters by port.
func (s side) strict() bool {
	return s.symmetric() || s.nat && (s.kind == netsim.PortRestricted || s.kind == netsim.BareMasquerade)
}

// A method is how a pair connects, with the limits that it must meet.
type method struct {
	name  string
	path  p2p.PathKind
	share float64                               // share of trials that must get the path
	limit func(trial) time.Duration             // limit for 95 of 100 trials
	took  func(result) time.Duration            // the time that is limited
	bound func(t *testing.T, r trial, o result) // other checks
}

func settled(o result) time.Duration   { return o.settled }
func connected(o result) time.Duration { return o.connected }

// roundTrips returns a limit of two round trips to the server, three between the peers, and a rest.
func roundTrips(rest time.Duration) func(trial) time.Duration {
	return func(r trial) time.Duration { return 2*r.s() + 3*r.r() + rest + r.start.apart }
}

func within(d time.Duration) func(trial) time.Duration {
	return func(r trial) time.Duration { return d + r.start.apart }
}

// maxProbes is how many openers and checks two peers may send each other without getting a direct path.
const maxProbes = 200

func noFlood(t *testing.T, r trial, o result) {
	if o.sent > maxProbes {
		t.Errorf("%v: sent %d datagrams, the limit is %d", r, o.sent, maxProbes)
	}
}

// relayAtRest checks that the relay only carries keepalives.
func relayAtRest(t *testing.T, r trial, o result) {
	if o.path == p2p.PathDirect && o.relayed > echoSize/4 {
		t.Errorf("%v: %d bytes were relayed although both ends had a direct path", r, o.relayed)
	}
}

// methodOf returns how a pair connects.
func methodOf(a, b side) method {
	const ms = time.Millisecond
	switch {
	case a.sequential() && b.strict() && b.kind != netsim.Symmetric, b.sequential() && a.strict() && a.kind != netsim.Symmetric:
		return method{"prediction", p2p.PathDirect, .95, within(2 * time.Second), settled, relayAtRest}
	case a.symmetric() && b.symmetric():
		return method{"relay", p2p.PathRelay, 1, roundTrips(150 * ms), connected, noFlood}
	case a.symmetric() && b.strict(), b.symmetric() && a.strict():
		return method{"birthday probing", p2p.PathDirect, .95, within(3 * time.Second), settled, relayAtRest}
	case a.strict() && b.strict() && (a.kind == netsim.BareMasquerade || b.kind == netsim.BareMasquerade):
		return method{"direct", p2p.PathDirect, 1, within(time.Second), settled, relayAtRest}
	case a.strict() && b.strict():
		return method{"direct", p2p.PathDirect, 1, roundTrips(250 * ms), settled, relayAtRest}
	}
	return method{"direct", p2p.PathDirect, 1, roundTrips(150 * ms), settled, relayAtRest}
}

// delays are the one-way delays of the access links of the server, a and b.
var delays = [][3]time.Duration{
	{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond},
	{5 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond},
	{20 * time.Millisecond, 3 * time.Millisecond, 50 * time.Millisecond},
}

// trialOf returns the nth trial of a pair: n varies the roles, who calls and the delays.
func trialOf(a, b side, n int) trial {
	if n%2 == 1 {
		a, b = b, a
	}
	d := delays[n/6%3]
	return trial{a: a, b: b, start: starts[n/2%3], server: d[0], delayA: d[1], delayB: d[2], seed: uint64(n + 1)}
}

func (r trial) String() string {
	return fmt.Sprintf("%s to %s, %s, S %v, R %v, seed %d", r.a.name, r.b.name, r.start.name, r.s(), r.r(), r.seed)
}

// runs returns the number of trials per pair; 18 cover all variations.
func runs() int {
	switch {
	case os.Getenv("P2PTOOL_FULL") == "1":
		return 180
	case raceDetector:
		return 2
	}
	return 18
}

// Every pair connects by its method and within its limit.
func TestMatrix(t *testing.T) {
	var rows []row
	for i, a := range sides {
		for _, b := range sides[i:] {
			t.Run(a.name+" with "+b.name, func(t *testing.T) {
				rows = append(rows, measure(t, a, b, runs()))
			})
		}
	}
	if *update && !t.Failed() {
		writeDocs(t, rows)
	}
}

// measure runs the trials of a pair and checks the limits.
func measure(t *testing.T, a, b side, n int) row {
	w := methodOf(a, b)
	var times []time.Duration
	met, late := 0, 0
	for i := range n {
		r := trialOf(a, b, i)
		o := r.run(t, w.path)
		w.bound(t, r, o)
		if o.path != w.path {
			t.Logf("%v: path %v", r, o.path)
			continue
		}
		met++
		took := w.took(o)
		times = append(times, took)
		if limit := w.limit(r); took > limit {
			late++
			t.Logf("%v: %s after %v, limit %v", r, w.name, took, limit)
		}
	}
	if n-met > allowed(1-w.share, n) {
		t.Errorf("%s in %d of %d trials", w.name, met, n)
	}
	if late > allowed(.05, n) {
		t.Errorf("%d of %d trials took too long", late, n)
	}
	out := row{a: a.name, b: b.name, method: w.name, met: met, of: n}
	if slices.Sort(times); met > 0 {
		out.median, out.p95, out.longest = times[met/2], times[met*95/100], times[met-1]
	}
	t.Log(out)
	return out
}

// allowed returns how many of n trials may fail if a share of all trials may: that share of many trials, and for
// few trials the number that is exceeded by chance once in 50,000 runs.
func allowed(share float64, n int) int {
	if share == 0 || n >= manyTrials {
		return int(share * float64(n))
	}
	p := math.Pow(1-share, float64(n)) // the probability that k fail
	for k, sum := 0, p; ; k++ {
		if k == n || 1-sum < 1./50_000 {
			return k
		}
		p *= float64(n-k) / float64(k+1) * share / (1 - share)
		sum += p
	}
}

const manyTrials = 100
