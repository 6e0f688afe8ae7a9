package endtoend

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"p2ptool/internal/natlab"
)

// TestChat has two users send many lines to each other at the same time, from pipes.
func TestChat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b natlab.Kind
	}{
		{natlab.PortRestricted, natlab.PortRestricted},
		{natlab.Symmetric, natlab.Symmetric},
	} {
		t.Run(fmt.Sprintf("%v to %v", tt.a, tt.b), func(t *testing.T) {
			t.Parallel()
			newScene(t, tt.a, tt.b).converse(t, either(5000, 500))
		})
	}
}

// converse has each user send n lines and wait for the other's last one. It checks that each
// line arrives once and in order.
func (s *scene) converse(t *testing.T, n int) {
	t.Helper()
	annSays, bobSays := lines("ann", n), lines("bob", n)
	bob := s.bob.chat(s.ann, bobSays)
	ann := s.ann.chat(s.bob, annSays)
	ann.end(0)
	bob.end(0)
	for _, side := range []struct {
		p        *program
		with     *user
		heard    []string
		said     int
		opposite string
	}{
		{ann, s.bob, bobSays, n, "bob"},
		{bob, s.ann, annSays, n, "ann"},
	} {
		var got []string
		for i, e := range side.p.all(is("message")) {
			if e.Peer != side.with.guid || e.ID != uint64(i+1) {
				t.Errorf("%s: line %d is %d of %s", side.p.name, i+1, e.ID, e.Peer)
			}
			got = append(got, e.Text)
		}
		if !slices.Equal(got, side.heard) {
			t.Errorf("%s received %d lines, want the %d that %s sent", side.p.name, len(got), len(side.heard), side.opposite)
		}
		delivered := side.p.all(is("delivered"))
		for i, e := range delivered {
			if e.ID != uint64(i+1) {
				t.Errorf("%s: delivery %d is of line %d", side.p.name, i+1, e.ID)
			}
		}
		if len(delivered) != side.said {
			t.Errorf("%s: %d lines are delivered, want %d", side.p.name, len(delivered), side.said)
		}
	}
	for _, e := range slices.Concat(ann.all(is("error")), bob.all(is("error"))) {
		t.Errorf("error: %s", e.line)
	}
	t.Logf("%d lines either way, ann: %v, bob: %v", n, ann.lived(), bob.lived())
}

// lines returns n different lines of a user.
func lines(who string, n int) (all []string) {
	for i := range n - 1 {
		all = append(all, fmt.Sprintf("line %d of %s: “%s”", i+1, who, strings.Repeat("é", i%200)))
	}
	return append(all, who+" has nothing more to say")
}

// chat sends lines from a pipe, and waits for the other's last one.
func (u *user) chat(with *user, says []string) *program {
	u.t.Helper()
	cmd := u.command("chat", with.guid, "--wait", "1m", "--wait-line", "nothing more to say$")
	cmd.Stdin = strings.NewReader(strings.Join(says, "\n") + "\n")
	return start(u.t, u.on, u.name+": p2ptool chat", cmd)
}
