package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// undecided is an Accept that never decides.
func undecided(ctx context.Context, _ Offer) error {
	<-ctx.Done()
	return ctx.Err()
}

// The first entries are sent with the offer, so that their answers do not need another round
// trip.
func TestEntriesComeWithTheOffer(t *testing.T) {
	t.Parallel()
	data := noise(1, 100)
	src := write(t, filepath.Join(t.TempDir(), "a"), data)
	sent := sendTo(t, src, func(p *rawPeer) {
		hear[*offerMsg](p)
		if _, err := hear[*entryMsg](p); err != nil {
			t.Errorf("before ACCEPT: %v", err)
		}
		p.say(&acceptMsg{version: version}, &wantMsg{})
		hear[*endMsg](p)
		p.say(&resultMsg{digest: whole(0, data).digest}, &summaryMsg{files: 1})
		hear[*byeMsg](p)
	})
	if sent.err != nil || sent.Files != 1 {
		t.Errorf("Send: %v, %+v", sent.err, sent.Result)
	}
}

// Nothing is created for early entries before the offer is accepted.
func TestEarlyEntriesWaitForTheDecision(t *testing.T) {
	t.Parallel()
	dst, decide, data := t.TempDir(), make(chan error), []byte("x")
	o := ReceiveOptions{Dir: dst, Accept: func(context.Context, Offer) error { return <-decide }}
	got := receiveFrom(t, o, func(p *rawPeer) {
		p.say(offerOf("d", "a"), &entryMsg{what: entryFolder, mode: 0o755, path: "d"}, &leaveMsg{}, file(1, "a", 1))
		decide <- nil
		hear[*acceptMsg](p)
		p.say(&doneMsg{2})
		hear[*wantMsg](p)
		p.data(1, 0, hashOf(data), data)
		p.say(whole(1, data))
		hear[*summaryMsg](p)
		p.say(&byeMsg{})
	})
	if got.err != nil || got.Files != 1 {
		t.Errorf("Receive: %v, %+v", got.err, got.Result)
	}
	got.forgetState(t, dst)
	sameTree(t, tree(t, dst), map[string]string{"d": "/", "a": "x"})

	dst = t.TempDir()
	o.Dir = dst
	got = receiveFrom(t, o, func(p *rawPeer) {
		p.say(offerOf("d"), &entryMsg{what: entryFolder, mode: 0o755, path: "d"}, &leaveMsg{})
		decide <- errors.New("no")
		hear[*abortMsg](p)
	})
	if !errors.Is(got.err, ErrRefused) {
		t.Errorf("Receive: %v", got.err)
	}
	got.forgetState(t, dst)
	sameTree(t, tree(t, dst), map[string]string{})
}

// long returns a path of n bytes.
func long(n int) string { return strings.Repeat("/"+strings.Repeat("n", 199), n/200)[1:] }

// Files that change during the decision are sent in their new state, and removed ones are ignored.
func TestChangesBeforeTheDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
		for i := range 2 * earlyEntries {
			write(t, filepath.Join(src, fmt.Sprintf("%03d", i)), []byte{'x'})
		}
		accept := func(context.Context, Offer) error {
			time.Sleep(time.Minute)
			write(t, filepath.Join(src, "000"), []byte("longer"))
			write(t, filepath.Join(src, "new"), []byte("new"))
			os.Remove(filepath.Join(src, "001"))
			os.Remove(filepath.Join(src, "100"))
			return nil
		}
		a, b := newPipe()
		sent, got := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst, Accept: accept})
		if sent.err != nil || got.err != nil {
			t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
		}
		got.forgetState(t, dst)
		want := tree(t, filepath.Dir(src))
		sameTree(t, tree(t, dst), want)
		if int(sent.Files) != len(want)-1 {
			t.Errorf("%d files sent, %d there", sent.Files, len(want)-1)
		}
	})
}

// After asking for AFRESH, a receiver accepts nothing else before it.
func TestHostileBeforeAfresh(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]message{"done": &doneMsg{1}, "end": whole(0, nil), "hashes": &hashesMsg{hashes: make([]cv, 3)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := func(context.Context, Offer) error { time.Sleep(time.Minute); return nil }
				got := receiveFrom(t, ReceiveOptions{Dir: t.TempDir(), Accept: slow}, func(p *rawPeer) {
					p.say(offerOf("a"), file(0, "a", 1))
					if a, err := hear[*acceptMsg](p); err != nil || !a.afresh {
						t.Errorf("acceptance %v, %v", a, err)
					}
					p.say(file(1, "b", 1), m)
					hear[*abortMsg](p)
				})
				if !errors.Is(got.err, ErrProtocol) {
					t.Errorf("Receive: %v", got.err)
				}
			})
		})
	}
}

// Before the acceptance, a receiver keeps only a little.
func TestHostileBeforeAcceptance(t *testing.T) {
	t.Parallel()
	many := func(n uint32) []message {
		ms := []message{offerOf("a")}
		for i := range n {
			ms = append(ms, file(i, fmt.Sprintf("a/%d", i), 1))
		}
		return ms
	}
	for name, ms := range map[string][]message{
		"too many":     many(earlyEntries + 1),
		"no offer":     many(1)[1:],
		"data":         append(many(1), &dataMsg{}),
		"end":          append(many(1), whole(0, nil)),
		"hashes":       append(many(1), &hashesMsg{hashes: make([]cv, 3)}),
		"list":         append(many(1), &doneMsg{1}),
		"long paths":   {offerOf("a"), file(0, "a/"+long(4000), 1), file(1, "b/"+long(4000), 1), file(2, "c/"+long(4000), 1), file(3, "d/"+long(4000), 1), file(4, "e/"+long(4000), 1)},
		"afresh":       append(many(1), &afreshMsg{}),
		"leaving":      append(many(1), &leaveMsg{}),
		"other number": append(many(1), file(2, "b", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := receiveFrom(t, ReceiveOptions{Dir: t.TempDir(), Accept: undecided}, func(p *rawPeer) {
				for _, m := range ms {
					if d, ok := m.(*dataMsg); ok {
						p.data(d.n, d.chunk, cv{}, []byte("x"))
					} else {
						p.say(m)
					}
				}
				hear[*abortMsg](p)
			})
			if !errors.Is(got.err, ErrProtocol) {
				t.Errorf("Receive: %v", got.err)
			}
		})
	}
}

// Entries beyond the early ones arrive too, and skipped files are reported after the acceptance.
func TestManyEntriesAndASlowDecision(t *testing.T) {
	t.Parallel()
	src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
	want := map[string]string{"f": "/"}
	for i := range 3 * earlyEntries {
		name := fmt.Sprintf("f/%03d", i)
		write(t, filepath.Join(src, filepath.Base(name)), []byte{'x'})
		want[name] = "x"
	}
	symlink(t, "nowhere", filepath.Join(src, "link"))
	a, b := newPipe()
	sent, got := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst})
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	accepted := false
	for _, e := range sent.events {
		switch e.(type) {
		case Accepted:
			accepted = true
		case File:
			if !accepted {
				t.Fatalf("%+v before the acceptance", e)
			}
		}
	}
	got.forgetState(t, dst)
	sameTree(t, tree(t, dst), want)
}
