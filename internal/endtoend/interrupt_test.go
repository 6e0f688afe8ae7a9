package endtoend

import (
	"runtime"
	"testing"
	"time"
)

// TestInterrupted: Ctrl-C ends either side at once, and the same command resumes the transfer.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot interrupt another process")
	}
	p := withServer(t)
	writeFile(t, p.ann.path("out/file"), 96*mB, 1)
	receive := func() *program { return p.bob.receive() }
	send := func() *program {
		return p.ann.run("send", "out/file", "--to", p.bob.guid, "--limit", killLimit, "--wait", "1m")
	}
	ctrlC := func(q *program) {
		t.Helper()
		begun := time.Now()
		q.interrupt()
		t.Logf("%s ended %v after Ctrl-C", q.name, time.Since(begun).Round(time.Millisecond))
		if e := q.all(is("error")); len(e) == 0 || e[len(e)-1].Code != "interrupted" {
			t.Errorf("%s does not report that it was interrupted", q.name)
		}
	}

	receiver, sender := receive(), send()
	receiver.await(patience, "progress", beyond(20*mB))
	ctrlC(sender)
	mark := receiver.mark()
	sender = send()
	receiver.awaitFrom(mark, patience, "progress", beyond(50*mB))
	ctrlC(receiver)
	receiver = receive()
	sender.end(0)
	done := receiver.await(patience, "end", is("done"))
	if least := journaled(50 * mB); done.Resumed < least {
		t.Errorf("resumed at %d bytes, want %d", done.Resumed, least)
	}
	t.Logf("resumed at %.1f MB", float64(done.Resumed)/mB)
	ctrlC(receiver)
	sameBytes(t, sender, receiver, p.ann.path("out"), p.bob.path("in"))
}

// TestSameName has two users send different files of the same name at the same time.
func TestSameName(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, here{}, "127.0.0.1:0")
	bob := newPeer(t, "bob", here{}, addr)
	receiver := bob.receive()
	want := make(map[string]bool)
	var senders []*program
	for i, name := range []string{"ann", "carol", "dave"} {
		u := newPeer(t, name, here{}, addr)
		writeFile(t, u.path("file.txt"), 10*mB, uint64(i))
		want[digest(t, u.path("file.txt"))] = true
		senders = append(senders, u.run("send", "file.txt", "--to", bob.guid))
	}
	for _, s := range senders {
		s.end(0)
	}
	got := digests(t, bob.path("in"))
	for _, name := range []string{"file.txt", "file (1).txt", "file (2).txt"} {
		if !want[got[name]] {
			t.Errorf("%q is %.8q, which nobody sent or is there twice", name, got[name])
		}
		delete(want, got[name])
	}
	if len(got) != 3 {
		t.Errorf("there are %d files: %v", len(got), got)
	}
	receiver.kill()
}
