package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"lukechampine.com/blake3"
)

// A rawPeer speaks the protocol by hand.
type rawPeer struct {
	rw io.ReadWriteCloser
	br *bufio.Reader
}

func (p *rawPeer) say(ms ...message) {
	for _, m := range ms {
		p.rw.Write(appendMessage(nil, m)) // the other side may have left
	}
}

func (p *rawPeer) data(n, chunk uint32, hash cv, data []byte) {
	b := appendMessage(nil, &dataMsg{n, chunk, hash})
	putHeader(b, typeData, dataHeader+len(data))
	p.rw.Write(append(b, data...))
}

// hear skips messages until one of type T, and returns that. It returns an error if the stream ends first.
func hear[T message](p *rawPeer) (want T, err error) {
	for {
		var h [frameHeader]byte
		if _, err := io.ReadFull(p.br, h[:]); err != nil {
			return want, err
		}
		kind, n, err := parseHeader(h[:])
		if err != nil {
			return want, err
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(p.br, body); err != nil {
			return want, err
		}
		if kind == typeData {
			body = body[:dataHeader]
		}
		m, err := parseMessage(kind, body)
		if err != nil {
			return want, err
		}
		if m, ok := m.(T); ok {
			return m, nil
		}
	}
}

func offerOf(names ...string) *offerMsg {
	return &offerMsg{version: version, id: [16]byte{9}, files: -1, folders: -1, bytes: -1, count: uint32(len(names)), tops: topsHash(names), names: names}
}

// receiveFrom runs Receive against the script, and returns its outcome.
func receiveFrom(t *testing.T, o ReceiveOptions, script func(p *rawPeer)) *outcome {
	t.Helper()
	a, b := newPipe()
	got := new(outcome)
	o.OnEvent = got.add
	var wg sync.WaitGroup
	wg.Go(func() { got.Result, got.err = Receive(t.Context(), b, o) })
	wg.Go(func() {
		defer a.Close()
		script(&rawPeer{a, bufio.NewReader(a)})
	})
	wg.Wait()
	return got
}

func file(n uint32, path string, size int64) *entryMsg {
	return &entryMsg{n: n, mode: 0o644, size: size, data: size, path: path}
}

func whole(n uint32, data []byte) *endMsg {
	return &endMsg{n: n, size: int64(len(data)), digest: blake3.Sum256(data)}
}

func hashOf(data []byte) cv { return nodeCV(hashChunk(data, 0)) }

// Whatever the names, nothing is created outside of the folder, and files with valid names arrive.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	names := []string{"../up", "a/../../up", "/abs", "a//b", "a/./b", "nul\x00", ".", "..", "a/", string(bytes.Repeat([]byte("n"), 300)),
		"ok", stateFolder + "/x", ".P2PTOOL-partial/y", "\x1b[2J", `..\..\up`, "CON", "dot.", "ok"}
	parent := t.TempDir()
	dst := filepath.Join(parent, "dst")
	if err := os.Mkdir(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
		offer := offerOf("all")
		offer.count = 1000 // more than in names, so that any name is allowed
		p.say(offer)
		hear[*acceptMsg](p)
		for i, name := range names {
			p.say(file(uint32(i), name, 1))
		}
		p.say(&doneMsg{uint32(len(names))})
		for range names {
			w, err := hear[*wantMsg](p)
			if err != nil {
				break
			}
			p.data(w.n, 0, hashOf([]byte("x")), []byte("x"))
			p.say(whole(w.n, []byte("x")))
			if w.n == uint32(len(names)-1) {
				break
			}
		}
		hear[*summaryMsg](p)
		p.say(&byeMsg{})
	})
	if !errors.Is(got.err, ErrPartial) || got.Failed != 10 || got.Files != 8 {
		t.Errorf("Receive: %v, %+v", got.err, got.Result)
	}
	got.forgetState(t, dst)
	sameTree(t, tree(t, parent), hostileTree(ignoresCase(t, parent)))
}

// hostileTree returns the tree that the names become. If the disk ignores case, two folders become one.
func hostileTree(oneCase bool) map[string]string {
	want := map[string]string{"dst": "/", "dst/ok": "x", "dst/ok (1)": "x", "dst/%2Ep2ptool-partial": "/", "dst/%2Ep2ptool-partial/x": "x", "dst/%1B[2J": "x"}
	if oneCase {
		want["dst/%2Ep2ptool-partial/y"] = "x"
	} else {
		want["dst/%2EP2PTOOL-partial"], want["dst/%2EP2PTOOL-partial/y"] = "/", "x"
	}
	for _, name := range []string{`..\..\up`, "CON", "dot."} {
		local, _ := localPath(name, runtime.GOOS)
		want["dst/"+local] = "x"
	}
	return want
}

// Each breach of the protocol ends the transfer at once.
func TestHostileSender(t *testing.T) {
	t.Parallel()
	x := []byte("x")
	offer := offerOf("a")
	for name, c := range map[string]struct {
		want   error
		before []message // the acceptance
		after  []message
	}{
		"data before the offer": {ErrProtocol, []message{file(0, "a", 1)}, nil},
		"two offers":            {ErrProtocol, []message{offer, offer}, nil},
		"version":               {ErrVersion, []message{&offerMsg{version: 77}}, nil},
		"not offered":           {ErrProtocol, []message{offer}, []message{file(0, "b", 1)}},
		"wrong number":          {ErrProtocol, []message{offer}, []message{file(1, "a", 1)}},
		"size of -1":            {ErrProtocol, []message{offer}, []message{file(0, "a", -1)}},
		"size of 2^63-1":        {ErrProtocol, []message{offer}, []message{file(0, "a", 1<<63-1)}},
		"sparse claim":          {ErrStorage, []message{offer}, []message{file(0, "a", maxFileSize)}},
		"setuid":                {ErrProtocol, []message{offer}, []message{&entryMsg{path: "a", mode: 0o4755}}},
		"unasked data":          {ErrProtocol, []message{offer}, []message{&dataMsg{}}},
		"unasked end":           {ErrProtocol, []message{offer}, []message{whole(0, x)}},
		"early end":             {ErrProtocol, []message{offer}, []message{file(0, "a", 1), whole(0, x)}},
		"leaving nothing":       {ErrProtocol, []message{offer}, []message{&leaveMsg{}}},
		"wrong count":           {ErrProtocol, []message{offer}, []message{&doneMsg{3}}},
		"afresh unasked":        {ErrProtocol, []message{offer}, []message{&afreshMsg{}}},
		"an answer":             {ErrProtocol, []message{offer}, []message{&wantMsg{}}},
		"bye":                   {ErrProtocol, []message{offer}, []message{&byeMsg{}}},
		"hashes unasked":        {ErrProtocol, []message{offer}, []message{file(0, "a", 9*chunkSize), &hashesMsg{hashes: make([]cv, 3)}}},
		"abort":                 {ErrCanceled, []message{offer}, []message{&abortMsg{code: codeCanceled, reason: "gone"}}},
		"nothing":               {ErrInterrupted, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := t.TempDir()
			got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
				p.say(c.before...)
				if c.after == nil {
					if c.before != nil {
						hear[*abortMsg](p)
					}
					return
				}
				hear[*acceptMsg](p)
				for i, m := range c.after {
					if d, ok := m.(*dataMsg); ok {
						p.data(d.n, d.chunk, hashOf(x), x)
						continue
					}
					if i > 0 {
						hear[*wantMsg](p)
					}
					p.say(m)
				}
				hear[*abortMsg](p)
			})
			if !errors.Is(got.err, c.want) {
				t.Errorf("Receive: %v, want %v", got.err, c.want)
			}
			got.forgetState(t, dst)
			sameTree(t, tree(t, dst), map[string]string{})
		})
	}
}

// If the versions differ, each side reports both of them, whichever is newer.
func TestAnotherVersion(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 9))
	for _, theirs := range []byte{version - 1, version + 1} {
		check := func(what string, err error) {
			t.Helper()
			if v, ok := errors.AsType[*VersionError](err); !ok || *v != (VersionError{theirs, version}) || !errors.Is(err, ErrVersion) || strings.Count(err.Error(), "peer") != 1 {
				t.Errorf("%s: %v", what, err)
			}
		}
		check("Receive", receiveFrom(t, ReceiveOptions{Dir: t.TempDir()}, func(p *rawPeer) {
			p.rw.Write(append(appendMessage(nil, &offerMsg{version: theirs}), "of other fields"...))
			if m, err := hear[*abortMsg](p); err != nil || m.code != codeVersion || m.version != version {
				t.Errorf("the sender reads %+v, %v", m, err)
			}
		}).err)
		check("Send, aborted", sendTo(t, src, func(p *rawPeer) {
			hear[*offerMsg](p)
			p.say(&abortMsg{code: codeVersion, version: theirs})
		}).err)
		check("Send, accepted", sendTo(t, src, func(p *rawPeer) {
			hear[*offerMsg](p)
			p.say(&acceptMsg{version: theirs})
			hear[*abortMsg](p)
		}).err)
	}
}

// A journal of another version, and its partial file, are not used.
func TestJournalOfAnotherVersion(t *testing.T) {
	t.Parallel()
	h := journalHeader{size: 9}
	b := h.append(nil)
	if !h.parse(b) {
		t.Fatal("a journal of this version is not read")
	}
	b[7]++
	copy(b[120:], checksum(b[:120]))
	if h.parse(b) {
		t.Error("a journal of another version is read")
	}
	o := &offerMsg{version: version}
	b = appendBatchHeader(o)
	b = append(b, make([]byte, batchAccount)...)
	if isHeaderOf(b, o) != sameMatch {
		t.Fatal("a record of this version is not read")
	}
	b[7]++
	copy(b[batchOffer-8:], checksum(b[:batchOffer-8]))
	if isHeaderOf(b, o) != freeMatch {
		t.Error("a record of another version is read")
	}
}

// A receiver accepts only a little more than was offered, as folders may grow.
func TestMoreThanOffered(t *testing.T) {
	t.Parallel()
	for name, offer := range map[string]offerMsg{"files": {files: 1, folders: 9, bytes: -1}, "folders": {files: 99, folders: 0, bytes: 9}} {
		dst := t.TempDir()
		got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
			o := offerOf("a")
			o.files, o.folders, o.bytes = offer.files, offer.folders, offer.bytes
			p.say(o)
			hear[*acceptMsg](p)
			const n = 60
			p.say(&entryMsg{what: entryFolder, mode: 0o755, path: "a"})
			for i := range uint32(n) {
				if name == "files" {
					p.say(file(i+1, fmt.Sprint("a/", i), 0))
				} else {
					p.say(&entryMsg{n: i + 1, what: entryFolder, mode: 0o755, path: fmt.Sprint("a/", i)}, &leaveMsg{})
				}
			}
			p.say(&leaveMsg{}, &doneMsg{n + 1})
			if name == "files" {
				for i := range uint32(17) {
					hear[*wantMsg](p)
					p.say(whole(i+1, nil))
				}
			}
			hear[*summaryMsg](p)
		})
		if !errors.Is(got.err, ErrPartial) || len(tree(t, filepath.Join(dst, "a"))) > 17 {
			t.Errorf("%s: %v, %d taken", name, got.err, len(tree(t, filepath.Join(dst, "a"))))
		}
	}
}

// A receiver does not accept more entries than fit into the window.
func TestHostileFlood(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
		p.say(offerOf("a"))
		hear[*acceptMsg](p)
		go io.Copy(io.Discard, p.br)
		for i := range uint32(windowEntries + 2) {
			p.say(file(i, "a", 1))
		}
	})
	if !errors.Is(got.err, ErrProtocol) {
		t.Errorf("Receive: %v", got.err)
	}
}

// A receiver requests a damaged chunk again, and finally gives up.
func TestWrongChunk(t *testing.T) {
	t.Parallel()
	data := noise(1, 3*chunkSize)
	for _, wrong := range []int{1, 3, 1000} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			t.Parallel()
			dst := t.TempDir()
			got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
				p.say(offerOf("a"))
				hear[*acceptMsg](p)
				p.say(file(0, "a", int64(len(data))), &doneMsg{1})
				hear[*wantMsg](p)
				for i := range uint32(3) {
					chunk := data[i*chunkSize:][:chunkSize]
					sent := append([]byte(nil), chunk...)
					if i == 1 {
						sent[5]++
					}
					p.data(0, i, nodeCV(hashChunk(chunk, int64(i))), sent)
				}
				p.say(whole(0, data))
				for k := 1; ; k++ {
					m, err := hear[*againMsg](p)
					if err != nil {
						return
					}
					chunk := append([]byte(nil), data[m.chunk*chunkSize:][:chunkSize]...)
					hash := nodeCV(hashChunk(chunk, int64(m.chunk)))
					if k < wrong {
						chunk[5]++
					}
					p.data(0, m.chunk, hash, chunk)
					if k >= wrong {
						hear[*summaryMsg](p)
						p.say(&byeMsg{})
						return
					}
					if k == maxTries {
						hear[*summaryMsg](p)
						p.say(&byeMsg{})
						return
					}
				}
			})
			if wrong < 100 {
				if got.err != nil {
					t.Fatalf("Receive: %v", got.err)
				}
				sameTree(t, tree(t, dst), map[string]string{"a": string(data)})
				return
			}
			if !errors.Is(got.err, ErrIntegrity) || !errors.Is(got.files()["a"].Err, ErrIntegrity) {
				t.Errorf("Receive: %v, %v", got.err, got.files())
			}
			got.forgetState(t, dst)
			sameTree(t, tree(t, dst), map[string]string{})
		})
	}
}

// A sender may not announce entries after DONE.
func TestEntryBehindTheEnd(t *testing.T) {
	t.Parallel()
	got := receiveFrom(t, ReceiveOptions{Dir: t.TempDir()}, func(p *rawPeer) {
		p.say(offerOf("a"))
		hear[*acceptMsg](p)
		p.say(file(0, "a", 1), &doneMsg{1}, file(1, "a", 1))
		hear[*abortMsg](p)
	})
	if !errors.Is(got.err, ErrProtocol) {
		t.Errorf("Receive: %v", got.err)
	}
}

func TestWrongDigest(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3 * chunkSize} {
		data, dst := noise(1, n), t.TempDir()
		got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
			p.say(offerOf("a"))
			hear[*acceptMsg](p)
			p.say(file(0, "a", int64(n)), &doneMsg{1})
			hear[*wantMsg](p)
			for i := range chunkCount(int64(n)) {
				chunk := data[i*chunkSize:][:chunkLen(int64(n), i)]
				p.data(0, uint32(i), nodeCV(hashChunk(chunk, i)), chunk)
			}
			p.say(&endMsg{size: int64(n), digest: [32]byte{1}})
			hear[*summaryMsg](p)
		})
		if !errors.Is(got.err, ErrIntegrity) {
			t.Errorf("Receive: %v", got.err)
		}
		got.forgetState(t, dst)
		sameTree(t, tree(t, dst), map[string]string{})
	}
}

// sendTo runs Send against the script, and returns its outcome.
func sendTo(t *testing.T, src string, script func(p *rawPeer)) *outcome {
	t.Helper()
	a, b := newPipe()
	sent := new(outcome)
	var wg sync.WaitGroup
	wg.Go(func() {
		sent.Result, sent.err = Send(t.Context(), a, Source{Paths: []string{src}}, SendOptions{OnEvent: sent.add})
	})
	wg.Go(func() {
		defer b.Close()
		script(&rawPeer{b, bufio.NewReader(b)})
	})
	wg.Wait()
	return sent
}

// A receiver cannot deceive a sender, nor make it use unlimited memory.
func TestHostileReceiver(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 3*chunkSize))
	accept := message(&acceptMsg{version: version})
	for name, answers := range map[string][]message{
		"early want":          {&wantMsg{}},
		"twice accepted":      {accept, accept},
		"want of nothing":     {accept, &wantMsg{7}},
		"want twice":          {accept, &wantMsg{}, &wantMsg{}},
		"have too much":       {accept, &haveMsg{runs: []run{{0, 4}}, hashes: make([]cv, 4)}},
		"have without hashes": {accept, &haveMsg{runs: []run{{0, 2}}}},
		"need unasked":        {accept, &needMsg{}},
		"again unasked":       {accept, &againMsg{0, 1}},
		"again behind":        {accept, &wantMsg{}, &againMsg{0, 3}},
		"received too early":  {accept, &resultMsg{}},
		"held after want":     {accept, &wantMsg{}, &resultMsg{code: codeHeld}},
		"early summary":       {accept, &summaryMsg{}},
		"an offer":            {accept, offerOf("a")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := sendTo(t, src, func(p *rawPeer) {
				hear[*offerMsg](p)
				for i, m := range answers {
					if i == 1 {
						hear[*entryMsg](p)
					}
					p.say(m)
				}
				hear[*abortMsg](p)
			})
			if !errors.Is(sent.err, ErrProtocol) {
				t.Errorf("Send: %v", sent.err)
			}
			if sent.Files != 0 {
				t.Errorf("told as sent: %+v", sent.Result)
			}
		})
	}
}

// If the receiver disappears before the result, nothing is reported as sent.
func TestNothingSentWithoutResult(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 100))
	sent := sendTo(t, src, func(p *rawPeer) {
		hear[*offerMsg](p)
		p.say(&acceptMsg{version: version})
		hear[*entryMsg](p)
		p.say(&wantMsg{})
		hear[*endMsg](p)
	})
	if !errors.Is(sent.err, ErrInterrupted) || sent.Files != 0 || len(sent.files()) != 0 {
		t.Errorf("Send: %v, %+v", sent.err, sent.Result)
	}
}
