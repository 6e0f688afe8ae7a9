package transfer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
)

// samples returns one message of each type.
func samples() []message {
	id, h := [16]byte{1, 2}, cv{3, 4}
	return []message{
		&offerMsg{version: version, id: id, files: 2, folders: 4, bytes: -1, data: 5, count: 3, tops: h, source: id, names: []string{"a", "b"}},
		&totalMsg{5, 6, 7, -1},
		&entryMsg{n: 7, what: entryFile, mode: 0o644, mtime: stamp{-8, 9}, size: 9, data: 8, tag: id, path: "a/b"},
		&entryMsg{what: entryStream, size: -1, data: -1, path: "in"},
		&leaveMsg{},
		&dataMsg{1, 2, h},
		&zerosMsg{1, 4, 2},
		&hashesMsg{n: 1, first: 2, hashes: []cv{h, {}}},
		&endMsg{n: 1, code: codeChanged, size: 3, digest: h, reason: "why"},
		&doneMsg{4}, &byeMsg{}, &acceptMsg{version: version}, &wantMsg{5},
		&haveMsg{n: 1, check: true, runs: []run{{0, 4}, {6, 1}}},
		&haveMsg{n: 1, runs: []run{{0, 4}}, hashes: []cv{h}},
		&needMsg{n: 1, first: 256, bits: [32]byte{5}},
		&againMsg{1, 2},
		&resultMsg{n: 1, code: codeSkipped, digest: h, reason: "it exists"},
		&summaryMsg{1, 2, 3, 4},
		&abortMsg{code: codeStorage, reason: "no space left on device"},
		&abortMsg{code: codeVersion, version: 9},
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for _, m := range samples() {
		b := m.append(nil)
		got, err := parseMessage(m.kind(), b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%#v came back as %#v, %v", m, got, err)
		}
		if _, err := parseMessage(m.kind(), append(b, 0)); err == nil && !endsInText(m) {
			t.Errorf("%T with a byte more was accepted", m)
		}
		for n := range len(b) - 1 {
			if got, err := parseMessage(m.kind(), b[:n]); err == nil && bytes.Equal(got.append(nil), b) {
				t.Errorf("%T cut to %d bytes is the same message", m, n)
			}
		}
	}
}

func endsInText(m message) bool {
	switch m.(type) {
	case *entryMsg, *endMsg, *resultMsg, *abortMsg:
		return true
	}
	return false
}

// The encoding is part of the protocol and must never change.
func TestMessageBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m    message
		want string
	}{
		{&entryMsg{n: 1, mode: 0o644, mtime: stamp{2, 5}, size: 3, data: 1, tag: [16]byte{4}, path: "a"},
			"03000034" + "00000001" + "00" + "01a4" + "0000000000000002" + "00000005" + "0000000000000003" + "0000000000000001" + "04000000000000000000000000000000" + "61"},
		{&wantMsg{258}, "11000004" + "00000102"},
		{&haveMsg{n: 1, runs: []run{{2, 3}}}, "1200000f" + "00000001" + "00" + "0001" + "00000002" + "00000003"},
		{&abortMsg{code: codeRefused, reason: "no"}, "1f000003" + "09" + "6e6f"},
	} {
		if got := hex.EncodeToString(appendMessage(nil, c.m)); got != c.want {
			t.Errorf("%T is %s, want %s", c.m, got, c.want)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range samples() {
		f.Add(m.kind(), m.append(nil))
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m, err := parseMessage(kind, body)
		if err != nil {
			return
		}
		offer, ok := m.(*offerMsg)
		accept, is := m.(*acceptMsg)
		if ok && offer.version != version || is && accept.version != version {
			return // only its version is read
		}
		if got := m.append(nil); !bytes.Equal(got, body) {
			t.Errorf("%T of %x came back as %x", m, body, got)
		}
	})
}

func FuzzJournal(f *testing.F) {
	h := journalHeader{size: 9 * chunkSize, mtime: stamp{2, 1}, inode: 3}
	f.Add(h.append(nil), []byte("slots"))
	f.Fuzz(func(t *testing.T, header, slots []byte) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, append(header, slots...), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		j, ok := openJournal(file)
		if !ok {
			return
		}
		if rs, err := j.runs(chunkCount(j.size)); err == nil && len(rs) > 0 {
			t.Errorf("a journal of %d bytes of noise vouches for %v", len(slots), rs)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add((&record{size: 1, path: "a", final: "b"}).append(nil)[2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var r record
		if !r.parse(b) {
			return
		}
		if got := r.append(nil); !bytes.Equal(got[2:len(got)-8], b) {
			t.Errorf("%x came back as %x", b, got)
		}
	})
}

// A fuzzRW passes its input to a receiver, message by message. Like a sender, it holds back what
// may be sent only after an answer, until there is one for each entry.
type fuzzRW struct {
	mu       sync.Mutex
	cond     *sync.Cond
	input    []byte
	given    []byte // the part of input that is being read
	entries  int
	answers  int
	accepted bool
	closed   bool
}

func newFuzzRW(input []byte) *fuzzRW {
	rw := &fuzzRW{given: appendMessage(nil, offerOf("a")), input: input}
	rw.cond = sync.NewCond(&rw.mu)
	return rw
}

func (rw *fuzzRW) Read(p []byte) (int, error) {
	rw.mu.Lock()
	defer rw.mu.Unlock()
	for len(rw.given) == 0 && !rw.next() {
		if rw.closed || len(rw.input) == 0 {
			return 0, io.EOF
		}
		rw.cond.Wait()
	}
	n := copy(p, rw.given)
	rw.given = rw.given[n:]
	return n, nil
}

// next moves the next message from input to given, if it may be sent now.
func (rw *fuzzRW) next() bool {
	if !rw.accepted || len(rw.input) == 0 {
		return false
	}
	n := len(rw.input)
	if n >= frameHeader {
		n = min(n, frameHeader+int(binary.BigEndian.Uint32(rw.input)&0xffffff))
	}
	switch rw.input[0] {
	case typeEntry:
		rw.entries++
	case typeData, typeHashes, typeEnd:
		if rw.answers < rw.entries {
			return false
		}
	}
	rw.given, rw.input = rw.input[:n], rw.input[n:]
	return true
}

func (rw *fuzzRW) Write(p []byte) (int, error) {
	rw.mu.Lock()
	defer rw.mu.Unlock()
	defer rw.cond.Broadcast()
	for b := p; len(b) >= frameHeader; b = b[frameHeader+int(binary.BigEndian.Uint32(b)&0xffffff):] {
		switch b[0] {
		case typeAccept:
			rw.accepted = true
		case typeWant, typeHave, typeResult:
			rw.answers++
		}
	}
	return len(p), nil
}

func (rw *fuzzRW) Close() error {
	rw.mu.Lock()
	defer rw.mu.Unlock()
	rw.closed = true
	rw.cond.Broadcast()
	return nil
}

// Whatever a sender sends, nothing is written outside of the folder.
func FuzzReceive(f *testing.F) {
	x := []byte("x")
	d := dataMsg{hash: hashOf(x)}
	b := appendMessage(nil, &entryMsg{what: entryFolder, mode: 0o755, path: "a"})
	b = appendMessage(b, file(1, "a/b", 1))
	b = appendMessage(b, &leaveMsg{})
	at := len(b)
	b = appendMessage(b, &d)
	putHeader(b[at:], typeData, dataHeader+1)
	b = appendMessage(append(b, x...), whole(1, x))
	f.Add(appendMessage(b, &doneMsg{2}))
	f.Fuzz(func(t *testing.T, input []byte) {
		parent := t.TempDir()
		dst := filepath.Join(parent, "dst")
		if err := os.Mkdir(dst, 0o755); err != nil {
			t.Fatal(err)
		}
		Receive(t.Context(), newFuzzRW(input), ReceiveOptions{Dir: dst, MaxSize: 1 << 20})
		if es, err := os.ReadDir(parent); err != nil || len(es) != 1 {
			t.Errorf("beside the folder: %v, %v", es, err)
		}
	})
}
