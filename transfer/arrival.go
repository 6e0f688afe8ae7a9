package transfer

import (
	"context"
	"fmt"

	"lukechampine.com/blake3/guts"
)

const (
	maxTries = 16 // damaged chunks that are requested again for one file
)

// An arrival is DATA, ZEROS, HASHES or END.
type arrival struct {
	m     message
	buf   []byte // the chunk, n bytes at headroom; nil once another goroutine owns it
	n     int
	ready chan struct{} // closed when node is set; nil: it is set already
	node  guts.Node
	zeros *zeroPart // for ZEROS; its hash is set when ready is closed
	size  int64     // for ZEROS: the size of the file
}

// arrivalLoop handles what arrives, in the order of arrival.
func (r *receiver) arrivalLoop() error {
	for {
		select {
		case a := <-r.work:
			if err := r.handle(a); err != nil {
				return err
			}
		case <-r.ctx.Done():
			r.drainArrivals()
			return nil
		}
	}
}

// drainArrivals handles what arrived before the session ended, so that it is not lost.
func (r *receiver) drainArrivals() {
	for {
		select {
		case a := <-r.work:
			if r.handle(a) != nil {
				return
			}
		default:
			return
		}
	}
}

func (r *receiver) handle(a *arrival) error {
	switch m := a.m.(type) {
	case *dataMsg:
		in, err := r.arriving(m.n)
		if err != nil {
			return err
		}
		if !a.hashed(r.ctx) {
			// The hashing goroutines may have ended, or may still be working on it.
			a = &arrival{buf: a.buf, n: a.n, node: hashChunk(a.buf[headroom:headroom+a.n], int64(m.chunk))}
		}
		err = r.handleData(in, m, a)
		if a.buf != nil {
			r.release(a.buf)
		}
		return err
	case *zerosMsg:
		in, err := r.arriving(m.n)
		if err != nil || !a.hashed(r.ctx) { // without their hash, they are sent again next time
			return err
		}
		return r.handleZeros(in, *a.zeros)
	case *hashesMsg:
		in, err := r.arriving(m.n)
		if err != nil {
			return err
		}
		return r.handleHashes(in, m)
	case *endMsg:
		in, err := r.arriving(m.n)
		if err != nil {
			return err
		}
		return r.handleEnd(in, m)
	}
	return nil
}

// hashed waits for the hash. It returns false if the session ended first.
func (a *arrival) hashed(ctx context.Context) bool {
	if a.ready == nil {
		return true
	}
	select {
	case <-a.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// arriving returns entry n, for which something arrived.
func (r *receiver) arriving(n uint32) (*incoming, error) {
	in := r.win.get(n)
	if in == nil || !in.wanted.Load() {
		return nil, unexpected("data of entry %d, which is not wanted", n)
	}
	return in, nil
}

func (r *receiver) handleData(in *incoming, m *dataMsg, a *arrival) error {
	if err := r.may.spend(a.n); err != nil || in.failed {
		return err
	}
	i := int64(m.chunk)
	again := in.bad[i]
	if err := r.fitting(in, i, a.n, again); err != nil {
		return err
	}
	if !again {
		in.advance()
	}
	if nodeCV(a.node) != m.hash {
		return r.askAgain(in, i)
	}
	if err := r.store(in, i, a); err != nil {
		if fatal := asFatal(err); fatal != nil {
			return fatal
		}
		r.failWith(in, codeFor(err), reasonFor(err), false)
		return r.retireIfEnded(in)
	}
	if delete(in.bad, i); in.end != nil && len(in.bad) == 0 {
		return r.finalize(in)
	}
	return nil
}

// fitting returns an error unless chunk i, n bytes long, is expected now.
func (r *receiver) fitting(in *incoming, i int64, n int, again bool) error {
	if !again && (in.end != nil || i != in.next()) {
		return unexpected("chunk %d of entry %d", i, in.m.n)
	}
	if in.m.what == entryStream {
		if in.written%chunkSize != 0 || in.written+int64(n) > maxFileSize {
			return unexpected("chunk %d behind the end of entry %d", i, in.m.n)
		}
		r.streamed.Add(int64(n))
		if exceeds(r.amount(), r.offer.bytes, slackBytes) {
			return unexpected("more than was offered")
		}
		if r.o.MaxSize > 0 && r.amount() > r.o.MaxSize {
			return refused(fmt.Sprintf("more than the %d bytes that are allowed", r.o.MaxSize), nil)
		}
		return nil
	}
	if i >= in.total || n != chunkLen(in.m.size, i) {
		return unexpected("chunk %d of entry %d with %d bytes", i, in.m.n, n)
	}
	return nil
}

// askAgain requests a damaged chunk again, or fails the entry.
func (r *receiver) askAgain(in *incoming, i int64) error {
	in.tries++
	if in.bad == nil {
		in.bad = make(map[int64]bool)
	}
	in.bad[i] = true
	if in.m.what == entryStream || r.st == nil || in.tries > maxTries {
		r.failWith(in, codeIntegrity, fmt.Sprintf("chunk %d arrived wrong", i), false)
		return r.retireIfEnded(in)
	}
	r.send(&againMsg{in.m.n, uint32(i)})
	return nil
}

// retireIfEnded retires a failed entry if its END has arrived.
func (r *receiver) retireIfEnded(in *incoming) error {
	if in.end != nil {
		r.retire(in)
	}
	return nil
}

// store writes an intact chunk.
func (r *receiver) store(in *incoming, i int64, a *arrival) error {
	if in.inOrder(r) {
		in.add(a.node)
	}
	if in.small {
		r.startSmall(in, a.buf, a.n)
		a.buf = nil
	} else if err := r.open(in); err != nil {
		return err
	} else if err := r.put(in, i, a.buf[headroom:headroom+a.n], nodeCV(a.node)); err != nil {
		return err
	}
	in.written += int64(a.n)
	in.came += int64(a.n)
	r.ev.moved(int64(a.n), &in.m.path)
	return nil
}

func (r *receiver) put(in *incoming, i int64, data []byte, h cv) error {
	switch {
	case r.st == nil:
		_, err := r.o.Writer.Write(data)
		if err != nil {
			return &Error{Kind: ErrStorage, Reason: reasonFor(err), Err: err}
		}
		return nil
	case in.m.what == entryStream || in.total < 2:
		_, err := in.p.f.WriteAt(data, i*chunkSize)
		return err
	}
	return in.p.write(i, data, h)
}

// open opens a new partial file, unless one is open.
func (r *receiver) open(in *incoming) (err error) {
	if r.st != nil && in.p == nil {
		r.acquireFile(in)
		err = withFiles(r.ctx, func() error { in.p, err = openPartial(r.st, in.key, r.sourceOf(in), true); return err })
	}
	return err
}

func (r *receiver) handleEnd(in *incoming, m *endMsg) error {
	late := in.end != nil
	in.end = m
	switch {
	case in.failed:
		r.retire(in)
		return nil
	case m.code != codeOK:
		r.failWith(in, m.code, m.reason, true)
		r.retire(in)
		return nil
	case late:
		return unexpected("second end of entry %d", in.m.n)
	case !in.complete() || m.size != in.size():
		return unexpected("end of entry %d before it is complete", in.m.n)
	case len(in.bad) > 0:
		return nil // damaged chunks will be sent again
	}
	return r.finalize(in)
}

func (in *incoming) size() int64 {
	if in.m.what == entryStream {
		return in.written
	}
	return in.m.size
}

// finalize passes a complete file to finishLoop, to be synced and named.
func (r *receiver) finalize(in *incoming) error {
	if in.inOrder(r) {
		if in.whole() != in.end.digest {
			r.failWith(in, codeIntegrity, "digest differs", false)
			r.retire(in)
			return nil
		}
	}
	if r.st == nil {
		r.received(in, in.digest, in.size())
		r.finishEntry(in, &resultMsg{n: in.m.n, digest: in.digest})
		return nil
	}
	if in.small {
		if in.written == 0 {
			r.startSmall(in, nil, 0)
		}
	} else if err := r.open(in); err != nil {
		return r.failOr(in, err)
	} else {
		in.p.src.size = in.size()
	}
	select {
	case r.finals <- in:
	case <-r.ctx.Done():
	}
	return nil
}
