package transfer

import "p2ptool/transfer/internal/disk"

// hash computes the hash that arrivalLoop needs for an arrival.
func (a *arrival) hash() {
	defer close(a.ready)
	if a.zeros != nil {
		a.zeros.hash = hashZeros(a.zeros.first, a.zeros.level, a.size)
		return
	}
	a.node = hashChunk(a.buf[headroom:headroom+a.n], int64(a.m.(*dataMsg).chunk))
}

// handleZeros handles ZEROS.
func (r *receiver) handleZeros(in *incoming, z zeroPart) error {
	if in.failed {
		return nil
	}
	next, limit := in.next(), in.total
	if len(in.runs) > 0 {
		limit = int64(in.runs[0].first)
	}
	if in.end != nil || len(in.needed) > 0 || z.first != next || z.end() > limit {
		return unexpected("zeros from chunk %d of entry %d on", z.first, in.m.n)
	}
	in.cursor = z.end()
	if err := r.storeZeros(in, z); err != nil {
		if fatal := asFatal(err); fatal != nil {
			return fatal
		}
		r.failWith(in, codeFor(err), reasonFor(err), false)
		return r.retireIfEnded(in)
	}
	n := min(z.end()*chunkSize, in.m.size) - z.first*chunkSize
	in.written += n
	r.ev.done.Add(n)
	return nil
}

func (r *receiver) storeZeros(in *incoming, z zeroPart) error {
	if r.st == nil {
		if in.sum == nil {
			in.sum = new(digester)
		}
		in.sum.addCV(z.hash, z.level)
		return r.writeZeros(in.m.size, z)
	}
	if err := r.open(in); err != nil {
		return err
	}
	return in.p.zero(z)
}

// writeZeros writes zeros to the Writer.
func (r *receiver) writeZeros(size int64, z zeroPart) error {
	for i := z.first; i < z.end() && r.ctx.Err() == nil; i++ {
		if _, err := r.o.Writer.Write(zeroChunk[:chunkLen(size, i)]); err != nil {
			return &Error{Kind: ErrStorage, Reason: reasonFor(err), Err: err}
		}
	}
	return nil
}

// zero records that chunks are zeros, and overwrites what the file had there. Zeros are not in the journal: they are
// sent again next time, which costs almost nothing.
func (p *partial) zero(z zeroPart) error {
	off := z.first * chunkSize
	if err := disk.Zero(p.f, off, min(z.end()*chunkSize, p.src.size)-off); err != nil {
		return err
	}
	p.zeros = joinZeros(p.zeros, z, chunkCount(p.src.size))
	if p.j != nil {
		return p.restoreMark()
	}
	return nil
}

// addHeld adds the chunks from first up to end to a digest, from the journal or, without one, from pending.
func (p *partial) addHeld(d *digester, first, end, total int64) error {
	if p.j != nil {
		return p.j.addTo(d, first, end, total)
	}
	for i := first; i < end; i++ {
		if len(p.pending) == 0 || p.pending[0].i != i {
			return errJournal
		}
		d.addCV(p.pending[0].hash, 0)
		p.pending = p.pending[1:]
	}
	return nil
}
