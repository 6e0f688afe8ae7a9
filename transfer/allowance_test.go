package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A greedy sender has one offer accepted, and then sends as much as it can, over many links.
type greedy struct {
	offer *offerMsg
	dst   string
	o     ReceiveOptions

	mu    sync.Mutex
	asked int
}

func newGreedy(t *testing.T, files, bytes int64) *greedy {
	o := offerOf("a")
	o.files, o.folders, o.bytes = files, 0, bytes
	return &greedy{offer: o, dst: t.TempDir()}
}

// accept accepts the offer once, like a user whom internal/cmd asks.
func (g *greedy) accept(_ context.Context, o Offer) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.Resumes {
		return nil
	}
	if g.asked++; g.asked > 1 {
		return errors.New("not again")
	}
	return nil
}

// attempt runs the script over one link, which then breaks.
func (g *greedy) attempt(t *testing.T, script func(p *rawPeer)) *outcome {
	o := g.o
	o.Peer, o.Accept = "peer", g.accept
	if o.Writer == nil {
		o.Dir = g.dst
	}
	return receiveFrom(t, o, func(p *rawPeer) {
		p.say(g.offer)
		if _, err := hear[*acceptMsg](p); err == nil {
			script(p)
		}
	})
}

// entry sends one entry of the given number of chunks, with or without its END.
func (p *rawPeer) entry(m *entryMsg, chunks int, ends bool) error {
	data := bytes.Repeat([]byte("0123456789abcdef"), chunks*chunkSize/16)
	p.say(m)
	switch answer, err := hear[message](p); answer.(type) {
	case *wantMsg, *haveMsg:
	default:
		return errors.Join(err, fs.ErrInvalid)
	}
	for i := range chunks {
		chunk := data[i*chunkSize : (i+1)*chunkSize]
		p.data(m.n, uint32(i), nodeCV(hashChunk(chunk, int64(i))), chunk)
	}
	if !ends {
		return nil
	}
	p.say(whole(m.n, data))
	r, err := hear[*resultMsg](p)
	if err == nil && r.code != codeOK {
		err = errors.New(r.reason)
	}
	return err
}

// sizeOf returns the total size of the files below a folder.
func sizeOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var fi fs.FileInfo
			if fi, err = d.Info(); err == nil {
				n += fi.Size()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// One acceptance allows what was accepted and a little more, over any number of links.
func TestOneAcceptanceOverManyLinks(t *testing.T) {
	t.Parallel()
	const chunks = 4
	const size = chunks * chunkSize
	stream := func(path string) *entryMsg {
		return &entryMsg{what: entryStream, mode: 0o644, size: -1, data: -1, path: path}
	}
	for name, c := range map[string]struct {
		files, bytes, max int64
		conflict          Conflict
		entry             func(i int) *entryMsg
		ends              bool
	}{
		"other files":            {1, size, 0, Rename, func(i int) *entryMsg { m := file(0, "a", size); m.tag[0] = byte(i); return m }, true},
		"the same file again":    {1, size, 0, Overwrite, func(i int) *entryMsg { m := file(0, "a", size); m.tag[0] = byte(i); return m }, true},
		"partial files":          {9, size, 0, Rename, func(i int) *entryMsg { return file(0, fmt.Sprint("a/", i), size+1) }, false},
		"unknown size":           {9, size, 0, Rename, func(i int) *entryMsg { return stream(fmt.Sprint("a/", i)) }, true},
		"an offer of none":       {-1, -1, size, Rename, func(i int) *entryMsg { return file(0, fmt.Sprint("a/", i), size) }, true},
		"both unknown":           {-1, -1, size, Rename, func(i int) *entryMsg { return stream(fmt.Sprint("a/", i)) }, true},
		"unknown and unfinished": {-1, -1, size, Rename, func(i int) *entryMsg { return stream("a") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGreedy(t, c.files, c.bytes)
			g.o.MaxSize, g.o.Conflict = c.max, c.conflict
			came := int64(0)
			for i := range 12 {
				m := c.entry(i)
				g.attempt(t, func(p *rawPeer) {
					if p.entry(m, chunks, c.ends) == nil {
						came += size
					}
				})
			}
			if most := allowanceOf(g.offer, c.max).bytes; came > most && c.ends || sizeOf(t, g.dst) > most+64<<10 {
				t.Errorf("%d bytes are taken, %d are there, at most %d were accepted", came, sizeOf(t, g.dst), most)
			}
			if came == 0 {
				t.Error("nothing was taken")
			}
			if g.asked < 2 {
				t.Error("nobody was asked once more")
			}
		})
	}
}

// One acceptance also limits the number of empty files.
func TestNamesOfOneAcceptance(t *testing.T) {
	t.Parallel()
	g := newGreedy(t, 1, 0)
	for i := range 12 {
		g.attempt(t, func(p *rawPeer) {
			for k := range uint32(8) {
				p.entry(file(k, fmt.Sprintf("a/%d-%d", i, k), 0), 0, true)
			}
		})
	}
	es, err := os.ReadDir(filepath.Join(g.dst, "a"))
	if err != nil || len(es) < 8 || len(es) > 40 {
		t.Errorf("%d files, %v", len(es), err)
	}
}

// An acceptance covers one attempt at a time: a later attempt ends the earlier one, and continues its account.
func TestOneAcceptanceAtOnce(t *testing.T) {
	t.Parallel()
	g := newGreedy(t, 1, 3*chunkSize)
	begin := func(meanwhile func(p *rawPeer)) *outcome {
		return g.attempt(t, func(p *rawPeer) {
			p.say(file(0, "a", 3*chunkSize))
			if answer, _ := hear[message](p); answer != nil && answer.kind() == typeWant {
				chunk := make([]byte, chunkSize)
				p.data(0, 0, hashOf(chunk), chunk)
			}
			meanwhile(p)
		})
	}
	var second *outcome
	first := begin(func(p1 *rawPeer) {
		second = begin(func(*rawPeer) {
			if m, err := hear[message](p1); err == nil {
				t.Errorf("the first attempt goes on with %T", m)
			}
		})
	})
	if !errors.Is(first.err, errTakenOver) || !errors.Is(second.err, ErrInterrupted) || g.asked != 1 {
		t.Errorf("the first attempt: %v, the second: %v, asked %d times", first.err, second.err, g.asked)
	}
	if n := len(partials(t, g.dst)); n != 3 {
		t.Errorf("left: %q, want one file, its journal and the record", partials(t, g.dst))
	}
}

// The sum of many huge sizes does not overflow and get past the limit.
func TestSumOfSizes(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	got := receiveFrom(t, ReceiveOptions{Dir: dst, MaxSize: 1 << 40}, func(p *rawPeer) {
		o := offerOf("a")
		o.bytes = 10
		p.say(o)
		hear[*acceptMsg](p)
		const n = 1<<14 + 1
		for i := range uint32(n) {
			p.say(file(i, "a", maxFileSize))
			if r, err := hear[*resultMsg](p); err != nil || r.code == codeOK {
				return
			}
		}
		t.Error("a file was taken", p.entry(file(n, "a", 8*chunkSize), 8, true))
	})
	if got.err == nil || sizeOf(t, dst) > 1<<20 {
		t.Errorf("Receive: %v, %d bytes", got.err, sizeOf(t, dst))
	}
}

// The allowance also limits what goes to a Writer.
func TestAllowanceOfAWriter(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*entryMsg{
		"known":   file(0, "a", 64*chunkSize),
		"unknown": {what: entryStream, mode: 0o644, size: -1, data: -1, path: "a"},
	} {
		var out bytes.Buffer
		g := newGreedy(t, 1, 10)
		g.o.Writer = &out
		got := g.attempt(t, func(p *rawPeer) { p.entry(m, 64, true) })
		if got.err == nil || out.Len() > slackBytes+10 {
			t.Errorf("%s: %v, %d bytes written", name, got.err, out.Len())
		}
	}
}
