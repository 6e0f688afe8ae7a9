package transfer

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"p2ptool/transfer/internal/disk"
)

// Data is synced and journaled once there is as much of it as in all flushes before, within
// these bounds, or after a while: little is lost of a file that has just begun, and
// little time with one that is long.
const (
	minFlush   = 1 << 20
	maxFlush   = 32 << 20
	flushAfter = time.Second
	maxDirty   = 64 << 20 // beside what a running flush syncs; then that is waited for
)

var errJournal = errors.New("journal was damaged while in use")

// A partial is a file that is being received: KEY.part in the state folder, and once it
// is worth it KEY.journal. One goroutine uses it; flushes run beside that one.
//
// What tells whether somebody else wrote to the partial file between two attempts
// is its modification time. It is set back to one value, the mark, after
// each write, so that it holds whenever this process is killed, but in the moment of
// a write. If it does not hold, all that the journal names is hashed again.
type partial struct {
	state *os.Root
	name  string // without extension
	f     *os.File
	j     *journal      // nil before the first flush
	src   journalHeader // of which size, mtime and tag are used

	pending  []written  // on the file, not in the journal
	dirty    int64      // bytes of pending
	flushed  int64      // bytes that were handed to flushes
	since    time.Time  // of the last flush
	flushing chan error // gets the result of the flush that runs; nil if none does
}

// written is a chunk that is on the file.
type written struct {
	i    int64
	hash cv
}

// openPartial opens or makes the partial file for the source that src describes. If it is
// fresh, what was held is not used.
func openPartial(st *store, key string, src journalHeader, fresh bool) (*partial, error) {
	f, name, err := st.openLocked(key, partExt)
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

// openJournal takes the journal if it is one of this very file.
func (p *partial) openJournal() error {
	f, err := p.state.OpenFile(p.name+journalExt, os.O_RDWR|disk.OpenFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	fi, err := p.f.Stat()
	if j, ok := openJournal(f); err == nil && ok && j.inode == disk.Inode(fi) {
		p.j = j
		return nil
	}
	f.Close()
	return errors.Join(err, p.state.Remove(p.name+journalExt))
}

// resume makes the journal one of the present source and returns what is held. With check,
// it may be of another state of the source.
func (p *partial) resume() (held []run, check bool, err error) {
	if p.j == nil {
		return nil, false, nil
	}
	old := p.j.journalHeader
	if held, err = p.j.runs(chunkCount(old.size)); err != nil {
		return nil, false, err
	}
	if held, err = p.rehash(held); err != nil {
		return nil, false, err
	}
	if old.tag != p.src.tag || old.size != p.src.size || old.mtime != p.src.mtime {
		check = true
		if held, err = p.fit(held, old.size); err != nil {
			return nil, false, err
		}
	}
	return held, check, p.adopt(check)
}

// rehash returns what of held the partial file really holds. It reads nothing
// if nobody touched it.
func (p *partial) rehash(held []run) (good []run, err error) {
	fi, err := p.f.Stat()
	if err != nil {
		return nil, err
	}
	end := int64(0)
	if len(held) > 0 {
		last := held[len(held)-1].end() - 1
		end = last*chunkSize + int64(chunkLen(p.j.size, last))
	}
	if fi.ModTime().UnixNano() == p.j.mark && fi.Size() >= end {
		return held, nil
	}
	buf := make([]byte, chunkSize)
	for _, r := range held {
		for i := int64(r.first); i < r.end(); i++ {
			ok, err := p.matches(i, buf)
			if err != nil {
				return nil, err
			}
			if ok {
				good = extend(good, i)
			} else if err := p.j.clear(i, i+1); err != nil {
				return nil, err
			}
		}
	}
	return good, nil
}

// matches tells whether chunk i on the file is the one in the journal.
func (p *partial) matches(i int64, buf []byte) (bool, error) {
	hashes, _, err := p.j.get(i, 1)
	if err != nil {
		return false, err
	}
	n := chunkLen(p.j.size, i)
	if _, err := p.f.ReadAt(buf[:n], i*chunkSize); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return nodeCV(hashChunk(buf[:n], i)) == hashes[0], nil
}

// fit drops what a source of another size cannot have.
func (p *partial) fit(held []run, oldSize int64) (kept []run, err error) {
	total, last := chunkCount(p.src.size), int64(-1)
	if oldSize != p.src.size && oldSize%chunkSize != 0 {
		last = oldSize / chunkSize
		if err := p.j.clear(last, last+1); err != nil {
			return nil, err
		}
	}
	for _, r := range held {
		end := min(r.end(), total)
		if end == last+1 {
			end--
		}
		if end > int64(r.first) {
			kept = append(kept, run{r.first, uint32(end - int64(r.first))})
		}
	}
	return kept, p.j.f.Truncate(min(slotAt(total), slotAt(chunkCount(oldSize))))
}

// adopt writes the header for the present source.
func (p *partial) adopt(check bool) error {
	p.j.size, p.j.mtime, p.j.tag = p.src.size, p.src.mtime, p.src.tag
	if check {
		p.j.tag = [16]byte{}
	}
	return p.sealHeader()
}

// sealHeader sets the mark anew, and writes and syncs the header.
func (p *partial) sealHeader() error {
	p.j.mark = time.Now().Truncate(time.Second).UnixNano()
	if err := p.restoreMark(); err != nil {
		return err
	}
	fi, err := p.f.Stat()
	if err != nil {
		return err
	}
	p.j.inode, p.j.mark = disk.Inode(fi), fi.ModTime().UnixNano()
	return errors.Join(p.j.writeHeader(), p.j.sync())
}

func (p *partial) restoreMark() error {
	return p.state.Chtimes(p.name+partExt, time.Time{}, time.Unix(0, p.j.mark))
}

// forget makes the journal say nothing more of a run.
func (p *partial) forget(r run) error { return p.j.clear(int64(r.first), r.end()) }

// write puts a verified chunk on the file.
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

func (p *partial) flushAt() int64 { return min(max(p.flushed, minFlush), maxFlush) }

func (p *partial) isFlushing() bool { return p.flushing != nil && len(p.flushing) == 0 }

// startFlush hands what is pending to a flush of its own, after the one before.
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
	p.j = &journal{f: f, journalHeader: p.src}
	rand.Read(p.j.salt[:])
	if err := errors.Join(p.sealHeader(), disk.SyncDir(p.state, ".")); err != nil {
		return errors.Join(err, p.dropJournal())
	}
	return nil
}

// dropJournal removes a journal that is of no use.
func (p *partial) dropJournal() error {
	err := p.removeJournal()
	p.j.f.Close()
	p.j = nil
	return err
}

// seal gives the whole file its mode and modification time, syncs it, and returns its
// digest. Of a file of one chunk the digest has to be known.
func (p *partial) seal(mode fs.FileMode, mtime time.Time, known *[32]byte) ([32]byte, error) {
	if err := p.waitFlush(); err != nil {
		return [32]byte{}, err
	}
	if err := p.f.Truncate(p.src.size); err != nil {
		return [32]byte{}, err
	}
	// A disk may know neither modes nor times.
	_ = p.f.Chmod(mode)
	_ = p.state.Chtimes(p.name+partExt, time.Time{}, mtime)
	if err := p.f.Sync(); err != nil {
		return [32]byte{}, err
	}
	if known != nil {
		return *known, nil
	}
	return p.digest(chunkCount(p.src.size))
}

// digest returns the digest of a synced file of total chunks, two at least.
func (p *partial) digest(total int64) ([32]byte, error) {
	ws := p.pending
	slices.SortFunc(ws, byIndex)
	if p.j != nil {
		if err := p.j.put(ws); err != nil {
			return [32]byte{}, err
		}
		p.pending = nil
		return p.j.digest(total)
	}
	if int64(len(ws)) != total {
		return [32]byte{}, errJournal
	}
	var d digester
	for _, w := range ws {
		d.addCV(w.hash, 0)
	}
	return d.sum(), nil
}

// keep leaves what is held for a later attempt, and closes the files. If nothing is
// held it leaves nothing.
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

// flushRest journals what is pending. On a full disk it gives up the last chunk, so that
// there is room for the journal.
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

// discard removes the file and its journal.
func (p *partial) discard() error {
	p.waitFlush() // of what is removed anyway
	if !disk.MovesOpen {
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
	if !disk.MovesOpen {
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

// forgetChunks makes the journal safely say nothing more of chunks, before they are overwritten.
func (p *partial) forgetChunks(is []int64) error {
	if len(is) == 0 {
		return nil
	}
	for _, i := range is {
		if err := p.j.clear(i, i+1); err != nil {
			return err
		}
	}
	return p.j.sync()
}
