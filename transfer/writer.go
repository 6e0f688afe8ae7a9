package transfer

import (
	"bufio"
	"context"
	"io"

	"golang.org/x/time/rate"
)

const (
	writeBuffer = 64 << 10 // small messages are buffered up to this size
	writeDirect = 32 << 10 // chunks from this size on are written without copying them
)

// writeLoop writes everything to the stream: messages first, then jobs. It flushes the buffer
// as soon as there is nothing more to write.
func (s *sender) writeLoop() error {
	out := s.limited()
	w := bufio.NewWriterSize(out, writeBuffer)
	d := new(digester)
	for s.ctx.Err() == nil {
		if err := s.writeMessages(w); err != nil {
			return err
		}
		select {
		case j := <-s.jobs:
			if err := s.writeJob(out, w, d, j); err != nil {
				return err
			}
			continue
		default:
		}
		if err := w.Flush(); err != nil {
			return interrupted(err)
		}
		select {
		case j := <-s.jobs:
			if err := s.writeJob(out, w, d, j); err != nil {
				return err
			}
		case <-s.out.ready:
		case <-s.ctx.Done():
		}
	}
	if err := w.Flush(); err != nil {
		return interrupted(err)
	}
	return nil
}

func (s *sender) writeMessages(w *bufio.Writer) error {
	for b, ok := s.out.try(); ok; b, ok = s.out.try() {
		if _, err := w.Write(b); err != nil {
			return interrupted(err)
		}
	}
	return nil
}

func (s *sender) writeJob(out io.Writer, w *bufio.Writer, d *digester, j *job) error {
	switch j.kind {
	case jobChunk, jobRepeat:
		return s.writeChunk(out, w, d, j)
	case jobZeros:
		return s.writeZeros(w, d, j)
	case jobHeld:
		for i, c := range j.cvs {
			d.addCV(c, j.levels[i])
		}
	case jobHashes:
		for _, c := range j.cvs {
			d.addCV(c, 0)
		}
		return put(w, &hashesMsg{n: j.o.n, first: uint32(j.chunk), hashes: j.cvs})
	case jobEnd:
		return s.writeEnd(w, d, j)
	case jobSmall:
		return s.writeSmall(out, w, j)
	}
	return nil
}

// writeSmall writes a whole small file. It does not flush the buffer while it waits, as the file is being read.
func (s *sender) writeSmall(out io.Writer, w *bufio.Writer, j *job) error {
	select {
	case <-j.ready:
	case <-s.ctx.Done():
		return nil // do not release the buffer: a read into it may be running
	}
	defer s.release(j.buf)
	end := &endMsg{n: j.o.n, size: j.o.state.size}
	if j.bad != nil {
		end.code, end.reason = codeFor(j.bad), reasonFor(j.bad)
	} else {
		end.digest = rootDigest(j.node)
		if j.n > 0 {
			if err := s.writeData(out, w, j); err != nil {
				return err
			}
		}
	}
	return s.endFile(w, j.o, end)
}

// writeZeros writes ZEROS.
func (s *sender) writeZeros(w *bufio.Writer, d *digester, j *job) error {
	if ready, err := s.await(w, j); !ready || err != nil {
		return err
	}
	size, level := j.o.state.size, j.levels[0]
	d.addCV(j.cvs[0], level)
	s.ev.done.Add(min(chunkSize<<level, size-j.chunk*chunkSize))
	return put(w, &zerosMsg{j.o.n, uint32(j.chunk), byte(level)})
}

// await waits until a job is hashed, and flushes the buffer before it waits. It returns false if the session ends first.
func (s *sender) await(w *bufio.Writer, j *job) (ready bool, err error) {
	select {
	case <-j.ready:
		return true, nil
	default:
	}
	if err := w.Flush(); err != nil {
		return false, interrupted(err)
	}
	select {
	case <-j.ready:
		return true, nil
	case <-s.ctx.Done():
		return false, nil
	}
}

func put(w io.Writer, m message) error {
	if _, err := w.Write(appendMessage(nil, m)); err != nil {
		return interrupted(err)
	}
	return nil
}

func (s *sender) writeChunk(out io.Writer, w *bufio.Writer, d *digester, j *job) error {
	if ready, err := s.await(w, j); !ready || err != nil {
		return err // do not release the buffer: it may still be in use for hashing
	}
	defer s.release(j.buf)
	if j.kind == jobChunk {
		d.addChunk(j.node)
	}
	if j.zero {
		s.ev.done.Add(int64(j.n))
		return put(w, &zerosMsg{j.o.n, uint32(j.chunk), 0})
	}
	if j.want != nil && *j.want != nodeCV(j.node) {
		j.o.changed = true
	}
	return s.writeData(out, w, j)
}

// writeData writes a chunk that was read and hashed.
func (s *sender) writeData(out io.Writer, w *bufio.Writer, j *job) error {
	m := dataMsg{n: j.o.n, chunk: uint32(j.chunk), hash: nodeCV(j.node)}
	b := j.buf[headroom-frameHeader-dataHeader : headroom+j.n]
	putHeader(b, typeData, dataHeader+j.n)
	m.append(b[frameHeader:frameHeader])
	s.ev.moved(int64(j.n), &j.o.path)
	return writeThrough(out, w, b)
}

// writeThrough writes large data without copying it.
func writeThrough(out io.Writer, w *bufio.Writer, b []byte) (err error) {
	if len(b) < writeDirect {
		_, err = w.Write(b)
	} else if err = w.Flush(); err == nil {
		_, err = out.Write(b)
	}
	if err != nil {
		return interrupted(err)
	}
	return nil
}

// writeEnd ends a file. Its digest is complete, as all jobs before were written.
func (s *sender) writeEnd(w *bufio.Writer, d *digester, j *job) error {
	m := j.end
	if m.code == codeOK {
		m.digest = d.sum()
	}
	*d = digester{}
	if j.o.changed && m.code == codeOK {
		m.code, m.reason = codeChanged, ErrChanged.Error()
	}
	return s.endFile(w, j.o, m)
}

// endFile writes END. If the file's result has arrived already, it finishes the file.
func (s *sender) endFile(w *bufio.Writer, o *outgoing, m *endMsg) error {
	s.mu.Lock()
	o.phase, o.bytes, o.ours = ended, m.size, m.code != codeOK
	if m.code == codeOK {
		o.digest = m.digest
	}
	if o.result != nil {
		s.finishLocked(o)
	}
	s.mu.Unlock()
	return put(w, m)
}

// A limitedWriter writes no faster than its limiter allows.
type limitedWriter struct {
	ctx context.Context
	w   io.Writer
	l   *rate.Limiter
}

// limitBurst returns how much a limited sender may write at once: about 50 ms worth of data.
func limitBurst(perSecond int64) int { return int(min(max(perSecond/20, 1<<10), 256<<10)) }

func (s *sender) limited() io.Writer {
	if s.limit == nil {
		return s.rw
	}
	return &limitedWriter{s.ctx, s.rw, s.limit}
}

func (w *limitedWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		k := min(len(p)-n, w.l.Burst())
		if err := w.l.WaitN(w.ctx, k); err != nil {
			return n, err
		}
		m, err := w.w.Write(p[n : n+k])
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}
