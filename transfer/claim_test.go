package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// frames finds where messages begin in a stream that is written in pieces.
type frames struct {
	head []byte
	left int // of the body
}

// next returns how much of p belongs to the message that p begins in, and its type once its header is complete; else 0.
func (f *frames) next(p []byte) (n int, kind byte) {
	if f.left > 0 {
		n = min(f.left, len(p))
		f.left -= n
		return n, 0
	}
	n = min(frameHeader-len(f.head), len(p))
	if f.head = append(f.head, p[:n]...); len(f.head) < frameHeader {
		return n, 0
	}
	kind, f.left = f.head[0], int(binary.BigEndian.Uint32(f.head)&0xffffff)
	f.head = f.head[:0]
	return n, kind
}

// dying is the stream of a process that is killed before it says its n-th message of a type: nothing that it writes
// from then on arrives, and nobody hears of its end.
type dying struct {
	*end
	at   byte
	n    int
	dead chan struct{}

	frames frames
}

func (d *dying) Write(p []byte) (int, error) {
	for at := 0; at < len(p); {
		select {
		case <-d.dead:
			return len(p), nil
		default:
		}
		n, kind := d.frames.next(p[at:])
		if kind == d.at {
			if d.n--; d.n == 0 {
				close(d.dead)
				return len(p), nil
			}
		}
		if _, err := d.end.Write(p[at : at+n]); err != nil {
			return at, err
		}
		at += n
	}
	return len(p), nil
}

func (d *dying) Close() error {
	select {
	case <-d.dead:
		return nil
	default:
		return d.end.Close()
	}
}

// A step is the n-th message of a type.
type step struct {
	kind byte
	n    int
}

func (s step) String() string {
	return strings.TrimPrefix(fmt.Sprintf("%T-%d", newMessage(s.kind), s.n), "*transfer.")
}

// goods is a folder of several files, and what it is to become.
func goods(t *testing.T) (src string, want map[string]string) {
	t.Helper()
	src = filepath.Join(t.TempDir(), "f")
	want = map[string]string{"f": "/", "f/a": "a", "f/b": "b", "f/big": string(noise(1, 5*chunkSize+3)), "f/big2": string(noise(2, 3*chunkSize))}
	for p, data := range want {
		if data != "/" {
			write(t, filepath.Join(src, "..", p), []byte(data))
		}
	}
	return src, want
}

// deliverSome ends a transfer once a file is there.
func deliverSome(t *testing.T, dst, src string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := func(e Event) {
		if _, ok := e.(File); ok {
			cancel()
		}
	}
	a, b := newPipe()
	var wg sync.WaitGroup
	wg.Go(func() { Send(ctx, a, Source{Paths: []string{src}}, SendOptions{Limit: 4 * chunkSize}) })
	_, err := Receive(ctx, b, ReceiveOptions{Dir: dst, Peer: "peer", OnEvent: stop})
	wg.Wait()
	if err == nil || len(tree(t, filepath.Join(dst, "f"))) == 0 {
		t.Fatalf("Receive: %v, %d are there", err, len(tree(t, dst)))
	}
}

// A sender that is killed and run again at once, long before its link is known to be dead, finds what it delivered, and
// nothing is there twice.
func TestSenderKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for _, s := range []step{{typeData, 1}, {typeData, 4}, {typeEnd, 1}, {typeEnd, 2}, {typeEnd, 4}, {typeDone, 1}, {typeBye, 1}} {
		for name, id := range map[string][16]byte{"other ID": {2}, "same ID": {1}} {
			t.Run(s.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { senderKilled(t, s, id) })
			})
		}
	}
}

func senderKilled(t *testing.T, s step, id [16]byte) {
	src, want := goods(t)
	dst := t.TempDir()
	a, b := newPipe()
	d := &dying{end: a, at: s.kind, n: s.n, dead: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var first error
	var wg sync.WaitGroup
	wg.Go(func() { Send(ctx, d, Source{Paths: []string{src}}, SendOptions{ID: [16]byte{1}}) })
	wg.Go(func() { _, first = Receive(t.Context(), b, ReceiveOptions{Dir: dst, Peer: "peer"}) })
	<-d.dead
	time.Sleep(10 * time.Millisecond)

	begun := time.Now()
	a2, b2 := newPipe()
	sent, got := exchange(t.Context(), a2, b2, Source{Paths: []string{src}}, SendOptions{ID: id}, ReceiveOptions{Dir: dst, Peer: "peer"})
	if sent.err != nil || got.err != nil || sent.Files != 4 {
		t.Fatalf("Send: %v, Receive: %v, %d files", sent.err, got.err, sent.Files)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("the second attempt took %v", took)
	}
	sameTree(t, tree(t, dst), want)
	if s.kind == typeBye && sent.ResumedBytes != 8*chunkSize+5 {
		t.Errorf("%d bytes were there", sent.ResumedBytes)
	}
	cancel()
	wg.Wait()
	if !errors.Is(first, ErrInterrupted) {
		t.Errorf("the first attempt: %v", first)
	}
}

// Two sends of the same source at the same time, both by living senders, both deliver.
func TestSameSourceAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, _ := goods(t)
		dst := t.TempDir()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				a, b := newPipe()
				sent, got := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{Limit: chunkSize}, ReceiveOptions{Dir: dst, Peer: "peer"})
				if sent.err != nil || got.err != nil {
					t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
				}
			})
		}
		wg.Wait()
		if n := len(tree(t, dst)); n != 9 {
			t.Errorf("%d files and folders, want 9", n)
		}
	})
}

// A receiver that is killed before it can say something, and started again, finds what it has.
func TestReceiverKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for _, s := range []step{{typeAccept, 1}, {typeWant, 1}, {typeWant, 3}, {typeResult, 1}, {typeResult, 2}, {typeResult, 5}, {typeSummary, 1}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			src, want := goods(t)
			dst := t.TempDir()
			cmd, rw := startChild(t, "receive", dst)
			k := &killedAtStep{stdio: rw, cmd: cmd, step: s}
			if _, err := Send(t.Context(), k, Source{Paths: []string{src}}, SendOptions{}); err == nil {
				t.Fatal("the receiver was not killed")
			}
			cmd.Wait()
			mustTransfer(t, dst, src)
			sameTree(t, tree(t, dst), want)
		})
	}
}

// killedAtStep kills the process that says a message, before anybody hears of it.
type killedAtStep struct {
	stdio
	cmd *exec.Cmd
	step
	frames frames
}

func (k *killedAtStep) Read(p []byte) (int, error) {
	n, err := k.stdio.Read(p)
	for at := 0; at < n; {
		m, kind := k.frames.next(p[at:n])
		if at += m; kind == k.kind {
			if k.n--; k.n == 0 {
				k.cmd.Process.Kill()
				k.cmd.Wait()
				return 0, errors.New("the other process was killed")
			}
		}
	}
	return n, err
}

// An interrupted transfer keeps what it has when another source of the same name comes by, whole or not.
func TestOtherSourceOfTheSameName(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	first := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 40*chunkSize))
	second := write(t, filepath.Join(t.TempDir(), "a"), noise(2, 40*chunkSize))
	attempt := func(src string, after int64) (sent, got *outcome) {
		a, b := cutAfter(after)
		return exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst, Peer: "peer"})
	}
	attempt(first, 30*chunkSize)
	attempt(second, 30*chunkSize)
	mustTransfer(t, dst, write(t, filepath.Join(t.TempDir(), "a"), noise(3, 40*chunkSize)))
	mustTransfer(t, dst, write(t, filepath.Join(t.TempDir(), "a"), []byte("small")))
	for _, src := range []string{first, second} {
		if _, got := mustTransfer(t, dst, src); got.ResumedBytes < 20*chunkSize {
			t.Errorf("%d bytes were resumed", got.ResumedBytes)
		}
	}
	want := map[string]string{"a": string(noise(3, 40*chunkSize)), "a (1)": "small", "a (2)": string(noise(1, 40*chunkSize)), "a (3)": string(noise(2, 40*chunkSize))}
	sameTree(t, tree(t, dst), want)
}

// The record of an interrupted transfer is not another source's, either: what it delivered is found.
func TestOtherFolderOfTheSameName(t *testing.T) {
	t.Parallel()
	src, want := goods(t)
	dst := t.TempDir()
	deliverSome(t, dst, src)
	other := filepath.Join(t.TempDir(), "f")
	write(t, filepath.Join(other, "c"), []byte("c"))
	mustTransfer(t, dst, other)
	mustTransfer(t, dst, src)
	want["f/c"] = "c"
	sameTree(t, tree(t, dst), want)
}

// A file that is about to get its name still has its journal when the slot is free for another. Whoever finds the
// file that was just made for that other one does not take it, and waits for nobody.
func TestSlotWhoseJournalIsInUse(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	interrupt(t, dst, write(t, filepath.Join(t.TempDir(), "a"), noise(1, 40*chunkSize)), 30*chunkSize)
	st, err := openStore(t.Context(), dst, "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	key := st.key([]byte("a"))
	journal, err := st.state.OpenFile(key+journalExt, os.O_RDWR, 0)
	if err != nil || !lockSoon(t.Context(), journal) {
		t.Fatal("no journal: ", err)
	}
	defer journal.Close()
	j, ok := openJournal(journal)
	if !ok {
		t.Fatal("no header")
	}
	part := filepath.Join(dst, stateFolder, key+partExt)
	if err := os.Rename(part, filepath.Join(dst, "a")); err != nil {
		t.Fatal(err)
	}
	write(t, part, nil)
	begun := time.Now()
	p, err := openPartial(st, key, j.journalHeader, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.closeFiles()
	if took := time.Since(begun); p.name == key || took > lockWait/2 {
		t.Errorf("slot %s after %v", p.name, took)
	}
}

// A record that says only that all was delivered does not stay as long as others.
func TestDeliveredRecordExpires(t *testing.T) {
	t.Parallel()
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), []byte("a")), t.TempDir()
	a, b := newPipe()
	d := &dying{end: a, at: typeBye, n: 1, dead: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { Send(ctx, d, Source{Paths: []string{src}}, SendOptions{}) })
	wg.Go(func() { <-d.dead; a.Close() })
	if _, err := Receive(t.Context(), b, ReceiveOptions{Dir: dst, Peer: "peer"}); err != nil {
		t.Fatal(err)
	}
	cancel()
	wg.Wait()
	st, err := openStore(t.Context(), dst, "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	if st.expire(time.Now().Add(keepDelivered - time.Minute)); len(partials(t, dst)) != 1 {
		t.Errorf("there are %q, want the record", partials(t, dst))
	}
	if st.expire(time.Now().Add(keepDelivered + time.Minute)); len(partials(t, dst)) != 0 {
		t.Errorf("there are %q", partials(t, dst))
	}
}

// Where an attempt could not wait for the record of the one before, what both delivered is found by the next.
func TestRecordsOfSeveralAttempts(t *testing.T) {
	t.Parallel()
	src, want := goods(t)
	dst := t.TempDir()
	deliverSome(t, dst, src)
	dir := filepath.Join(dst, stateFolder)
	for _, name := range partials(t, dst) {
		if strings.HasSuffix(name, doneExt) {
			// As if another attempt had its own record beside it.
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, strings.TrimSuffix(name, doneExt)+"-1"+doneExt)); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, name), nil)
		}
	}
	st, err := openStore(t.Context(), dst, "peer")
	if err != nil {
		t.Fatal(err)
	}
	tops, err := resolveTops([]string{src})
	if err != nil {
		t.Fatal(err)
	}
	o := offerOf("f")
	o.id, o.origin = [16]byte{5}, topsOrigin(tops)
	header := append(appendBatchHeader(o), make([]byte, batchHeader-batchOffer)...)
	write(t, filepath.Join(dir, st.key(o.tops[:])+doneExt), header)
	st.close()
	sent, _ := mustTransfer(t, dst, src)
	sameTree(t, tree(t, dst), want)
	if sent.ResumedBytes == 0 {
		t.Error("nothing was found")
	}
}
