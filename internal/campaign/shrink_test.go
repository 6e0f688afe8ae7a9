package campaign

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestShrink leaves out events of a seed that fails, one by one, while it still
// fails, and says how to repeat what is left. Each try is a process of its own,
// so that a run which never ends, or ends with all, can be shrunk too.
func TestShrink(t *testing.T) {
	if !given("from") {
		t.Skip("-from says which seed")
	}
	out := dropped(t)
	plan := draw(*from)
	if _, failed := attempt(t, out); !failed {
		t.Skipf("seed %d does not fail, in %d tries", *from, tries)
	}
	for again := true; again; {
		again = false
		for _, e := range plan.without(out).events {
			if _, failed := attempt(t, append(out[:len(out):len(out)], e.id)); failed {
				out, again = append(out, e.id), true
				t.Logf("without #%d %v", e.id, e.do)
			}
		}
	}
	text, _ := attempt(t, out)
	t.Logf("%s\n%vrepeat: go test ./internal/campaign -run Campaign -seeds 1 -from %d -drop %q -trace", text, plan.without(out), *from, join(out))
}

// tries is how often a seed is run that does not fail at once.
const tries = 3

// attempt reports whether a seed fails without some of its events.
func attempt(t *testing.T, out []int) (text string, failed bool) {
	for range tries {
		c := exec.Command(os.Args[0], "-test.run=^TestCampaign$", "-test.timeout=2m", "-seeds=1",
			fmt.Sprintf("-from=%d", *from), "-drop="+join(out))
		text, err := c.CombinedOutput()
		if err != nil {
			return string(text), true
		}
	}
	return "", false
}

func join(ids []int) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(id)
	}
	return strings.Join(words, ",")
}
