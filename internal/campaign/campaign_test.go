package campaign

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"p2ptool/p2p/identity"
)

var (
	seeds  = flag.Int("seeds", 50, "run so many `seeds`")
	from   = flag.Uint64("from", 1, "begin with this `seed`")
	repeat = flag.Int("repeat", 1, "run each seed so many `times`")
	trace  = flag.Bool("trace", false, "print what happens, with times")
	drop   = flag.String("drop", "", "leave out the events of these `ids`, separated by commas")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// On one processor goroutines run in the same order more often, and Go 1.26
	// crashes now and then where timers of a bubble fire on two at once under the
	// race detector.
	runtime.GOMAXPROCS(1)
	// The runtime's own goroutine for signals must not begin in a bubble.
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
	os.Exit(m.Run())
}

// TestCampaign runs seeds.
func TestCampaign(t *testing.T) {
	n := *seeds
	if raceDetector && !given("seeds") {
		n = n * 4 / 5 // each takes five times as long, and there is a minute
	}
	for seed := *from; seed < *from+uint64(n); seed++ {
		for range *repeat {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				plan := draw(seed).without(dropped(t))
				if faults := try(t, plan); len(faults) > 0 {
					t.Errorf("%s\n%v%s", strings.Join(faults, "\n"), plan, commands(seed))
				}
			})
		}
	}
}

// try runs a schedule, and returns what went wrong.
func try(t *testing.T, plan *schedule) (faults []string) {
	dir := scratch(t)
	cryptotest.SetGlobalRandom(t, plan.seed)
	before := descriptors()
	synctest.Test(t, func(*testing.T) {
		w := run(plan, dir, *trace)
		faults = w.verdict()
		w.unmount()
	})
	if after := descriptors(); after > before+2 {
		faults = append(faults, fmt.Sprintf("bounds: %d descriptors before, %d after", before, after))
	}
	return faults
}

// scratch makes a folder, in memory if there is one there: a run syncs many files.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "campaign-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// commands says how to go on from a seed that fails.
func commands(seed uint64) string {
	more := ""
	if *drop != "" {
		more = " -drop " + *drop
	}
	return fmt.Sprintf("repeat: go test ./internal/campaign -run Campaign -seeds 1 -from %d%s -trace\n"+
		"shrink: go test ./internal/campaign -run Shrink -from %d -v\n", seed, more, seed)
}

// given reports whether a flag stands on the command line.
func given(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}

// dropped reads -drop.
func dropped(t *testing.T) (ids []int) {
	for word := range strings.SplitSeq(*drop, ",") {
		if word == "" {
			continue
		}
		id, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("-drop: %v", err)
		}
		ids = append(ids, id)
	}
	return ids
}

// newKey makes a key, of the source of randomness that try has set.
func newKey() identity.SecretKey {
	k, err := identity.GenerateKey()
	must(err)
	return k
}
