package transfer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"p2ptool/transfer/internal/disk"
)

var errSwapped = errors.New("somebody else has put another file in place of the partial one")

var errJournal = errors.New("journal was damaged while in use")

// A partial is a file that is being received: KEY.part in the partial folder and, after the
// first flush, KEY.journal. One goroutine uses it. Flushes run concurrently.
//
// The modification time shows whether another program wrote to the partial file between two
// attempts. It is reset to a fixed value, the mark, after each write. So it is right whenever
// this process is killed, except during a write. If it is not right, all chunks in the journal
// are hashed again.
type partial struct {
	state *os.Root
	name  string // without extension
	f     *os.File
	j     *journal      // nil before the first flush
	src   journalHeader // the source; only size, mtime, tag and origin are used

	pending  []written  // in the file, but not in the journal
	zeros    []zeroPart // in ascending order; not in the journal
	dirty    int64      // bytes of pending
	flushed  int64      // bytes of all flushes
	since    time.Time  // of the last flush
	flushing chan error // receives the result of the running flush; nil: none
}

// written is a chunk that was written to the file.
type written struct {
	i    int64
	hash cv
}

// openPartial opens or creates the partial file for the source that src describes. With
// fresh, it discards what the file holds.
func openPartial(st *store, key string, src journalHeader, fresh bool) (*partial, error) {
	f, name, err := st.openLocked(slotWanted{key: key, ext: partExt, worth: sameMatch,
		fits: func(name string, _ *os.File) match { return st.journalMatch(name, src) }})
	if err != nil {
		return nil, err
	}
	p := &partial{state: st.state, name: name, f: f, src: src, since: time.Now()}
	if err := p.openJournal(); err != nil {
		p.closeFiles()
		return nil, err
	}
	if fresh && p.j != nil {
		if err := p.dropJournal(); err != nil {
			p.closeFiles()
			return nil, err
		}
	}
	if p.j == nil {
		if err := f.Truncate(0); err != nil {
			p.closeFiles()
			return nil, err
		}
	}
	return p, nil
}

// journalMatch returns how well the journal of a slot matches the source that src describes.
func (st *store) journalMatch(name string, src journalHeader) match {
	f, err := st.state.OpenFile(name+journalExt, os.O_RDONLY|disk.OpenFlags, 0)
	if err != nil {
		return freeMatch
	}
	defer f.Close()
	switch j, ok := openJournal(f); {
	case !ok:
		return freeMatch
	case j.size == src.size && j.mtime == src.mtime && j.tag == src.tag:
		return sameMatch
	case j.origin == src.origin:
		return likeMatch
	}
	return otherMatch
}

// openJournal opens and locks the journal if it belongs to this file. The journal stays locked until it is removed,
// which is after the file got its final name and others can use the slot.
func (p *partial) openJournal() error {
	f, err := p.state.OpenFile(p.name+journalExt, os.O_RDWR|disk.OpenFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	fi, err := p.f.Stat()
	if !lockSoon(context.Background(), f) {
		f.Close()
		return errJournal
	}
	if j, ok := openJournal(f); err == nil && ok && j.inode == disk.Inode(fi) {
		p.j = j
		return nil
	}
	f.Close()
	return errors.Join(err, p.state.Remove(p.name+journalExt))
}

// sealHeader sets a new mark, and writes and syncs the header.
func (p *partial) sealHeader() error {
	p.j.mark = stamp{sec: time.Now().Unix()}
	if err := p.restoreMark(); err != nil {
		return err
	}
	fi, err := p.f.Stat()
	if err != nil {
		return err
	}
	p.j.inode, p.j.mark = disk.Inode(fi), stampOf(fi.ModTime())
	return errors.Join(p.j.writeHeader(), p.j.sync())
}

func (p *partial) restoreMark() error {
	return disk.SetFileTime(p.state, p.name+partExt, p.f, p.j.mark.time())
}

// write writes a verified chunk to the file.
func (p *partial) write(i int64, data []byte, h cv) error {
	if _, err := p.f.WriteAt(data, i*chunkSize); err != nil {
		return err
	}
	if p.j != nil {
		if err := p.restoreMark(); err != nil {
			return err
		}
	}
	p.pending = append(p.pending, written{i, h})
	p.dirty += int64(len(data))
	if p.dirty < p.flushAt() && time.Since(p.since) < flushAfter || p.dirty < maxDirty && p.isFlushing() {
		return nil
	}
	return p.startFlush()
}

// dress gives the complete file its mode and modification time, and what it inherits from its target
// folder. Call seal next.
func (p *partial) dress(folder *disk.Folder, mode fs.FileMode, mtime time.Time) error {
	if err := p.waitFlush(); err != nil {
		return err
	}
	if p.j != nil || len(p.zeros) > 0 { // otherwise its length is right
		if err := p.f.Truncate(p.src.size); err != nil {
			return err
		}
	}
	// The disk may support neither modes nor times.
	folder.Inherit(p.f, mode)
	_ = disk.SetFileTime(p.state, p.name+partExt, p.f, mtime)
	disk.StartWriting(p.f)
	return nil
}

// checkName returns an error unless the name still belongs to the file that was written and verified.
func (p *partial) checkName() error {
	have, err := p.f.Stat()
	if err != nil {
		return err
	}
	if there, err := p.state.Lstat(p.name + partExt); err != nil || !os.SameFile(have, there) {
		return errors.Join(errSwapped, err)
	}
	return nil
}

// seal syncs the complete file and returns its digest: known, unless that is nil. It must be known for
// a file of one chunk.
func (p *partial) seal(known *[32]byte) ([32]byte, error) {
	if err := disk.SyncFile(p.f); err != nil {
		return [32]byte{}, err
	}
	if known != nil {
		return *known, nil
	}
	return p.digest(chunkCount(p.src.size))
}

// digest returns the digest of a synced file of total chunks, at least two.
func (p *partial) digest(total int64) (sum [32]byte, err error) {
	slices.SortFunc(p.pending, byIndex)
	if p.j != nil {
		if err := p.j.put(p.pending); err != nil {
			return sum, err
		}
		p.pending = nil
	}
	d, at := new(digester), int64(0)
	for _, z := range p.zeros {
		if err := p.addHeld(d, at, z.first, total); err != nil {
			return sum, err
		}
		d.addCV(z.hash, z.level)
		at = z.end()
	}
	if err := p.addHeld(d, at, total, total); err != nil {
		return sum, err
	}
	return d.sum(), nil
}

// keep keeps what is held for a later attempt, and closes the files. If nothing is held, it
// removes them.
func (p *partial) keep() error {
	err := p.waitFlush()
	if p.j == nil && (len(p.pending) == 0 || chunkCount(p.src.size) < 2) {
		return errors.Join(err, p.discard())
	}
	if err == nil {
		err = p.flushRest()
	}
	p.closeFiles()
	return err
}

// discard removes the file and its journal.
func (p *partial) discard() error {
	p.waitFlush() // ignore the error: the data is removed anyway
	if !disk.RemovesOpen {
		p.closeFiles()
	}
	err := p.state.Remove(p.name + partExt)
	err = errors.Join(err, p.removeJournal())
	p.closeFiles()
	return err
}

func (p *partial) removeJournal() error {
	if p.j == nil {
		return nil
	}
	if !disk.RemovesOpen {
		p.j.f.Close()
	}
	return p.state.Remove(p.name + journalExt)
}

func (p *partial) closeFiles() {
	if p.j != nil {
		p.j.f.Close()
	}
	p.f.Close()
}
