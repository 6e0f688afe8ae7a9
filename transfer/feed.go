package transfer

import (
	"io"
	"os"

	"lukechampine.com/blake3/guts"
)

// A job is a step for the writer. Its hashes are computed while it is queued.
type job struct {
	kind  jobKind
	o     *outgoing
	chunk int64
	buf   []byte // for jobChunk: n bytes at headroom
	n     int
	ready chan struct{} // closed when node is set
	node  guts.Node
	want  *cv // the chunk's hash when it was read before; nil: it was not

	cvs    []cv  // for jobHeld, jobHashes and jobZeros
	levels []int // for jobHeld and jobZeros
	zero   bool  // for jobChunk: send it as ZEROS
	end    *endMsg
	bad    error // for jobSmall: an error of the file
}

type jobKind int

const (
	jobChunk  jobKind = iota // a chunk, in order
	jobRepeat                // a chunk whose hash is already in the digest
	jobHeld                  // subtrees that the receiver holds, for the digest
	jobHashes                // hashes of chunks that the receiver may hold
	jobEnd
	jobSmall // a whole file of at most one chunk
	jobZeros // chunks of zeros
)

// feed reads what the receiver requests, in the order of its answers.
func (s *sender) feed() error {
	var root sourceRoot
	defer root.close()
	for {
		if a, ok := s.agains.try(); ok {
			if err := s.repeat(&root, a); err != nil {
				return err
			}
			continue
		}
		if o, ok := s.answered.try(); ok {
			if err := s.feedOne(&root, o); err != nil {
				return err
			}
			continue
		}
		select {
		case <-s.agains.ready:
		case <-s.answered.ready:
		case <-s.ctx.Done():
			return nil
		}
	}
}

// feedOne reads one entry. Its error ends the transfer. An error of the file alone is
// reported in END.
func (s *sender) feedOne(root *sourceRoot, o *outgoing) error {
	if o.what == entryStream && o.top == nil {
		return s.feedStream(o, s.src.Reader)
	}
	if o.what == entryStream {
		return s.feedVirtual(root, o)
	}
	if o.state.size <= smallFile {
		return s.feedSmall(root, o)
	}
	bad, err := s.feedFile(root, o)
	if err != nil {
		return err
	}
	end := &endMsg{n: o.n, size: o.state.size}
	if bad != nil {
		end.code, end.reason = codeFor(bad), reasonFor(bad)
	}
	return s.push(&job{kind: jobEnd, o: o, end: end})
}

// feedFile reads a file. bad is an error of the file alone.
func (s *sender) feedFile(root *sourceRoot, o *outgoing) (bad, err error) {
	var f *os.File
	bad = withFiles(s.ctx, func() (err error) { f, err = root.open(o); return err })
	if bad != nil {
		return bad, nil
	}
	defer f.Close()
	if bad, err = s.feedChunks(f, o); bad != nil || err != nil {
		return bad, err
	}
	if bad := readBeyond(f, o.state.size); bad != nil {
		return bad, nil
	}
	return o.state.check(f), nil
}

// readBeyond returns ErrChanged if f has data after size bytes.
func readBeyond(f *os.File, size int64) error {
	var b [1]byte
	if n, err := f.ReadAt(b[:], size); n > 0 {
		return ErrChanged
	} else if err != io.EOF {
		return err
	}
	return nil
}

// feedChunks reads all chunks except those that the receiver holds.
func (s *sender) feedChunks(f *os.File, o *outgoing) (bad, err error) {
	have := o.have
	if have == nil {
		have = new(haveMsg)
	}
	runs, cvs := have.runs, have.hashes
	gaps := &holes{f: f, size: o.state.size}
	for i, total := int64(0), chunkCount(o.state.size); i < total && bad == nil && err == nil; {
		switch {
		case s.isDropped(o):
			return nil, nil
		case len(runs) == 0 || i < int64(runs[0].first):
			if end := o.holeEnd(gaps, runs, i); end > i {
				err = s.pushZeros(o, i, end)
				i = end
				continue
			}
			bad, err = s.feedChunk(f, o, i, jobChunk, nil)
			i++
		case have.check:
			end := min(runs[0].end(), i+pageChunks)
			bad, err = s.feedPage(f, o, i, end)
			if i = end; i == runs[0].end() {
				runs = runs[1:]
			}
		default:
			levels := subtrees(i, runs[0].end(), total)
			err = s.pushHeld(o, i, runs[0].end(), levels, cvs[:len(levels)])
			i, runs, cvs = runs[0].end(), runs[1:], cvs[len(levels):]
		}
	}
	return bad, err
}

// holeEnd returns the end of the chunks from i on that lie in a hole and are to be sent.
func (o *outgoing) holeEnd(gaps *holes, runs []run, i int64) int64 {
	if !o.sparse {
		return i
	}
	end := min(gaps.end(i), max(i, maxZeros/chunkSize))
	if len(runs) > 0 {
		end = min(end, int64(runs[0].first))
	}
	return end
}

func (s *sender) pushZeros(o *outgoing, first, end int64) error {
	for _, level := range zeroParts(first, end, chunkCount(o.state.size)) {
		if err := s.push(&job{kind: jobZeros, o: o, chunk: first, levels: []int{level}, ready: make(chan struct{})}); err != nil {
			return err
		}
		first += 1 << level
		if s.ctx.Err() != nil {
			return nil
		}
	}
	return nil
}

// hash computes the hashes that the writer needs for a job.
func (j *job) hash() {
	defer close(j.ready)
	if j.kind == jobZeros {
		j.cvs = []cv{hashZeros(j.chunk, j.levels[0], j.o.state.size)}
		return
	}
	b := j.buf[headroom : headroom+j.n]
	j.node = hashChunk(b, j.chunk)
	j.zero = j.kind == jobChunk && j.o.what == entryFile && j.chunk < maxZeros/chunkSize && isZero(b)
}

// isDropped reports whether the receiver has given up on o.
func (s *sender) isDropped(o *outgoing) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return o.result != nil
}

func (s *sender) pushHeld(o *outgoing, first, end int64, levels []int, cvs []cv) error {
	n := min(end*chunkSize, o.state.size) - first*chunkSize
	s.ev.done.Add(n)
	s.ev.resumed.Add(n)
	return s.push(&job{kind: jobHeld, o: o, cvs: cvs, levels: levels})
}

func (s *sender) feedChunk(f *os.File, o *outgoing, i int64, kind jobKind, want *cv) (bad, err error) {
	buf, err := s.buffer()
	if err != nil {
		return nil, nil // the session has ended
	}
	n := chunkLen(o.state.size, i)
	if bad := readSource(f, buf[headroom:headroom+n], i); bad != nil {
		s.release(buf)
		return bad, nil
	}
	return nil, s.push(&job{kind: kind, o: o, chunk: i, buf: buf, n: n, ready: make(chan struct{}), want: want})
}

func readSource(f *os.File, b []byte, i int64) error {
	if _, err := f.ReadAt(b, i*chunkSize); err == io.EOF {
		return ErrChanged // it shrank
	} else if err != nil {
		return err
	}
	return nil
}

// feedPage sends the hashes of chunks that the receiver holds, maybe of another state of
// the file, and then the chunks that differ.
func (s *sender) feedPage(f *os.File, o *outgoing, first, end int64) (bad, err error) {
	buf, err := s.buffer()
	if err != nil {
		return nil, nil
	}
	cvs := make([]cv, 0, pageChunks)
	for i := first; i < end && bad == nil; i++ {
		b := buf[:chunkLen(o.state.size, i)]
		if bad = readSource(f, b, i); bad == nil {
			cvs = append(cvs, nodeCV(hashChunk(b, i)))
		}
	}
	s.release(buf)
	if bad != nil {
		return bad, nil
	}
	m := &hashesMsg{n: o.n, first: uint32(first), hashes: cvs}
	s.mu.Lock()
	s.needing = m
	s.mu.Unlock()
	if err := s.push(&job{kind: jobHashes, o: o, chunk: first, cvs: cvs}); err != nil {
		return nil, err
	}
	return s.feedNeeded(f, o, m)
}

// feedNeeded waits for the answer to the hashes in m and sends the chunks that it requests.
func (s *sender) feedNeeded(f *os.File, o *outgoing, m *hashesMsg) (bad, err error) {
	var need *needMsg
	select {
	case need = <-s.needs:
	case <-s.ctx.Done():
		return nil, nil
	}
	for k := range m.hashes {
		i := int64(m.first) + int64(k)
		if need.bits[k/8]&(1<<(k%8)) == 0 {
			n := int64(chunkLen(o.state.size, i))
			s.ev.done.Add(n)
			s.ev.resumed.Add(n)
			continue
		}
		if bad, err = s.feedChunk(f, o, i, jobRepeat, &m.hashes[k]); bad != nil || err != nil {
			return bad, err
		}
	}
	return nil, nil
}

// repeat sends a chunk again that arrived damaged. If it can no longer be read, it reports
// that the file changed.
func (s *sender) repeat(root *sourceRoot, a again) error {
	if s.win.get(a.o.n) != a.o {
		return nil
	}
	if f, bad := root.open(a.o); bad == nil {
		defer f.Close()
		bad, err := s.feedChunk(f, a.o, a.chunk, jobRepeat, nil)
		if bad == nil || err != nil {
			return err
		}
	}
	return s.push(&job{kind: jobEnd, o: a.o, end: &endMsg{n: a.o.n, code: codeChanged, size: a.o.state.size, reason: ErrChanged.Error()}})
}

// push queues a job for the writer, and for hashing if necessary.
func (s *sender) push(j *job) error {
	if j.ready != nil {
		select {
		case s.hashes <- j:
		case <-s.ctx.Done():
			return nil
		}
	}
	return s.queue(j)
}

// queue queues a job for the writer.
func (s *sender) queue(j *job) error {
	select {
	case s.jobs <- j:
	case <-s.ctx.Done():
	}
	return nil
}

// hashLoop hashes chunks. Several run at a time.
func (s *sender) hashLoop() error {
	for {
		select {
		case j := <-s.hashes:
			j.hash()
		case <-s.ctx.Done():
			return nil
		}
	}
}
