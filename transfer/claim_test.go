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

// frames finds the start of each message in a stream that is written in pieces.
type frames struct {
	head []byte
	left int // of the body
}

// next returns how many bytes of p belong to the current message. If its header becomes complete, it also returns its
// type, and else 0.
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

// dying is the stream of a process that is killed before it sends its n-th message of a type. Nothing that it writes
// afterwards arrives, and the other side does not notice its end.
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

// goods returns a folder of several files, and the tree to expect from it.
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

// deliverSome runs a transfer and cancels it once a file has finished.
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

// A sender that is killed and restarted at once, long before its link times out, finds what it delivered, and no file
// exists twice.
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

// Two running senders that send the same source at the same time both deliver it.
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

// A receiver that is killed before it sends a certain message, and restarted, finds what it has.
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

// killedAtStep kills a process when it sends a certain message, before the message arrives.
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

// An interrupted transfer keeps its data when another source with the same name is sent, completely or in part.
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

// Another source with the same name does not use the record of an interrupted transfer, so that finds what it delivered.
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

// When a file has been renamed, its journal exists a little longer, while the slot is already free. A transfer that
// finds a new partial file in such a slot does not use it, and does not wait.
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

// The record of a transfer that was delivered in full expires earlier than others.
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

// If an attempt could not wait for the record of the previous one, the next attempt finds what both delivered.
func TestRecordsOfSeveralAttempts(t *testing.T) {
	t.Parallel()
	src, want := goods(t)
	dst := t.TempDir()
	deliverSome(t, dst, src)
	dir := filepath.Join(dst, stateFolder)
	for _, name := range partials(t, dst) {
		if strings.HasSuffix(name, doneExt) {
			// Pretend that another attempt had its own record.
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
