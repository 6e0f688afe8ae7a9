package campaign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
)

// scenario has people at home in the open internet live through some events, and returns the world
// with what went wrong.
func scenario(t *testing.T, people []person, events ...event) (w *world, faults []string) {
	t.Helper()
	plan := &schedule{seed: 1, server: 10 * time.Millisecond, people: people, events: events}
	for range 2 * len(people) {
		plan.homes = append(plan.homes, home{place: public, link: netsim.Link{Delay: 10 * time.Millisecond}})
	}
	for i := range people {
		people[i].name, people[i].home, people[i].conflict = names[i], i, "rename"
	}
	for i := range events {
		events[i].id = i
	}
	dir := scratch(t)
	cryptotest.SetGlobalRandom(t, plan.seed)
	synctest.Test(t, func(*testing.T) {
		w = run(plan, dir, *trace)
		faults = w.verdict()
	})
	return w, faults
}

// wantStatus wants a command to have ended so.
func (w *world) wantStatus(t *testing.T, id, want int) {
	t.Helper()
	if p := w.command(id); p.status != want {
		text, _ := os.ReadFile(filepath.Join(p.files, "err"))
		t.Errorf("%s ended with %d, not %d\n%s", p.name, p.status, want, text)
	}
}

// Who waits for one person in a chat does not keep others from the process that is there for all.
func TestChatThatWaitsTakesNoCalls(t *testing.T) {
	w, faults := scenario(t, []person{{resident: runs}, {resident: receives}, {resident: runs}},
		event{at: 3 * time.Second, do: talk{from: 2, to: 1, lines: []string{"00000001 are you there"}, wait: 40 * time.Second}},
		event{at: 10 * time.Second, do: talk{from: 0, to: 2, lines: []string{"00000002 hello carol"}}})
	w.wantStatus(t, 1, 0)
	if len(faults) > 0 {
		t.Error(strings.Join(faults, "\n"))
	}
}

// A command that waits reports it when the reason changes.
func TestWaitingSaysForWhat(t *testing.T) {
	w, _ := scenario(t, []person{{resident: runs}, {resident: absent}},
		event{at: 2 * time.Second, do: restart{down: 30 * time.Second, hard: true}},
		event{at: 5 * time.Second, do: send{from: 0, to: 1, wait: 50 * time.Second, goods: goods{files: []file{{"a", 100, 1}}}}})
	w.wantStatus(t, 1, 3)
	text, err := os.ReadFile(filepath.Join(w.command(1).files, "err"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"does not answer, waiting for it", `peer "bob" is not online, waiting for it`} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("%q is not there once in\n%s", want, text)
		}
	}
}
