package transfer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"time"

	"p2ptool/transfer/internal/disk"
)

// Data is synced and journaled once there is as much of it as in all earlier flushes, within
// these bounds, or after flushAfter. So an interruption loses little of a new file, and
// flushes cost little time on a long one.
const (
	minFlush   = 1 << 20
	maxFlush   = 32 << 20
	flushAfter = time.Second
	maxDirty   = 64 << 20 // besides the data of a running flush; with more, wait for that flush
)

func (p *partial) flushAt() int64 { return min(max(p.flushed, minFlush), maxFlush) }

func (p *partial) isFlushing() bool { return p.flushing != nil && len(p.flushing) == 0 }

// startFlush waits for the running flush and starts one for the pending chunks.
func (p *partial) startFlush() error {
	if err := p.waitFlush(); err != nil {
		return err
	}
	if err := p.makeJournal(); err != nil {
		return err
	}
	p.flushed += p.dirty
	ws, j, f, done := p.pending, p.j, p.f, make(chan error, 1)
	p.pending, p.dirty, p.since, p.flushing = nil, 0, time.Now(), done
	go func() { done <- flush(f, j, ws) }()
	return nil
}

func flush(f *os.File, j *journal, ws []written) error {
	if err := disk.SyncData(f); err != nil {
		return err
	}
	slices.SortFunc(ws, byIndex)
	return errors.Join(j.put(ws), j.sync())
}

func (p *partial) waitFlush() error {
	if p.flushing == nil {
		return nil
	}
	err := <-p.flushing
	p.flushing = nil
	return err
}

func (p *partial) makeJournal() error {
	if p.j != nil {
		return nil
	}
	f, err := p.state.OpenFile(p.name+journalExt, os.O_RDWR|os.O_CREATE|os.O_EXCL|disk.OpenFlags, 0o600)
	if err != nil {
		return err
	}
	if !lockSoon(context.Background(), f) {
		f.Close()
		return errJournal
	}
	p.j = &journal{f: f, journalHeader: p.src}
	rand.Read(p.j.salt[:])
	if err := errors.Join(p.sealHeader(), disk.SyncDir(p.state, ".")); err != nil {
		return errors.Join(err, p.dropJournal())
	}
	return nil
}

// dropJournal removes the journal.
func (p *partial) dropJournal() error {
	err := p.removeJournal()
	p.j.f.Close()
	p.j = nil
	return err
}

// flushRest flushes the pending chunks. On a full disk it drops chunks from the end, to make
// room for the journal.
func (p *partial) flushRest() error {
	slices.SortFunc(p.pending, byIndex)
	for {
		n := len(p.pending)
		if n == 0 {
			return nil
		}
		err := p.makeJournal()
		if err == nil {
			err = flush(p.f, p.j, p.pending)
		}
		if !disk.Full(err) {
			return err
		}
		if err := p.f.Truncate(p.pending[n-1].i * chunkSize); err != nil {
			return err
		}
		p.pending = p.pending[:n-1]
	}
}

func byIndex(a, b written) int { return cmp.Compare(a.i, b.i) }
