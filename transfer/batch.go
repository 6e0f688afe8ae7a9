package transfer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"lukechampine.com/blake3"

	"p2ptool/transfer/internal/disk"
)

// A batch is the record of an unfinished transfer: what was accepted, and which files are
// whole under their final names. It goes when the sender knows that all are.
//
// A file's entry is written, and synced, before the file gets its name. It holds the inode,
// which renaming does not change, so an entry is good if what has the
// name is what was renamed, and says nothing otherwise.
//
//	header, 112 bytes             entry
//	 0  "p2ptdon4"                 0  length of the body, 2
//	 8  ID of the transfer, 16     2  body: size, inode, each 8; mtime, mtime of the copy: seconds, 8, ns, 4;
//	24  files, 8                      digest, 32; length of the path, 2; path; final path
//	32  folders, 8                    checksum, 8
//	40  bytes, 8
//	48  tag of the offer, 16
//	64  zeros
//	72  checksum, 8
//	80  bytes that came, those of them that were lost, and names given, 8 each
//	104 checksum of these, 8
//
// Entries follow each other; the first that does not match its checksum ends them.
type batch struct {
	f    *os.File
	name string // without extension
	key  string
	fits func(string, *os.File) match // this transfer
	ids  []indexed                    // of an earlier attempt, sorted
	held *account                     // what came in earlier attempts at this transfer; nil: there were none

	mu  sync.Mutex
	end int64 // of the entries; guarded by mu
}

const (
	batchMagic   = "p2ptdon4"
	batchOffer   = 80 // the part of the header about the offer
	batchAccount = 32
	batchHeader  = batchOffer + batchAccount

	folderMade   = -1 // this transfer made the folder
	folderOpened = -2 // it was closed to writing before, and is to be again

	maxIndex = 1 << 22 // entries that are looked up; the files of more would be sent again
)

// indexed tells where the entry of a path is, by the head of the path's hash.
type indexed struct {
	hash uint64
	at   int64
}

// A record is an entry. Of a folder, size is folderMade or folderOpened.
type record struct {
	size        int64
	mtime       stamp
	tag         [16]byte
	inode       uint64
	copyMtime   stamp
	digest      [32]byte
	path, final string
}

// wasAccepted tells whether o, just as it is, was accepted before, is unfinished, and has not used up what a allows. It
// changes nothing on the disk.
func wasAccepted(st *store, o *offerMsg, a *allowance) bool {
	return recorded(st, o, func(h []byte) bool { return isHeaderOf(h, o) == sameMatch && a.covers(accountIn(h)) })
}

// wasBegun tells whether an offer of o, or of the same source by whatever ID, is unfinished.
func wasBegun(st *store, o *offerMsg) bool {
	return recorded(st, o, func(h []byte) bool { return isHeaderOf(h, o) != noMatch })
}

// recorded reads the headers of the unfinished transfers of the same names, and tells whether one is accepted by ok.
func recorded(st *store, o *offerMsg, ok func(header []byte) bool) bool {
	key := st.key(o.tops[:])
	for _, n := range st.slots[key+doneExt] {
		f, err := st.state.OpenFile(slotName(key, n)+doneExt, os.O_RDONLY|disk.OpenFlags, 0)
		if err != nil {
			continue
		}
		h, err := readBatchHeader(f)
		f.Close()
		if err == nil && ok(h) {
			return true
		}
	}
	return false
}

func readBatchHeader(f *os.File) ([]byte, error) {
	h := make([]byte, batchHeader)
	_, err := f.ReadAt(h, 0)
	return h, err
}

// isHeaderOf tells whether a header is that of o: by ID, names and sizes or, for likeMatch, by names, sizes and the
// state of the source.
func isHeaderOf(h []byte, o *offerMsg) match {
	h = h[:batchOffer]
	same, like := *o, *o
	copy(same.source[:], h[48:])
	copy(like.id[:], h[len(batchMagic):])
	switch string(h) {
	case string(appendBatchHeader(&same)):
		return sameMatch
	case string(appendBatchHeader(&like)):
		return likeMatch
	}
	return noMatch
}

// openBatch opens the record of what o offers. It makes the state folder, and removes from it what has been of no use
// for too long.
func openBatch(st *store, o *offerMsg) (b *batch, err error) {
	fits := func(_ string, f *os.File) match {
		h, err := readBatchHeader(f)
		if err != nil {
			return noMatch
		}
		return isHeaderOf(h, o)
	}
	worth := sameMatch
	if o.bytes < 0 || o.bytes > minFlush {
		worth = likeMatch // the same command, given again while the end of the last one is not known here
	}
	b = &batch{key: st.key(o.tops[:]), fits: fits}
	for st.state == nil || b.f == nil {
		if st.state == nil {
			err = st.makeState()
		}
		if err == nil {
			b.f, b.name, err = st.openLocked(b.key, doneExt, worth, fits)
		}
		// Another transfer may remove the folder before our file is in it.
		if err != nil && (!errors.Is(err, fs.ErrNotExist) || st.ctx.Err() != nil) {
			return nil, err
		}
		if err != nil {
			st.closeState()
			err = nil
			pause(st.ctx, time.Millisecond)
		}
	}
	st.expire(time.Now().Add(-KeepUnfinished))
	st.slots = readSlots(st.state)
	st.removeOrphans()
	if fits("", b.f) == sameMatch {
		h, _ := readBatchHeader(b.f)
		held := accountIn(h)
		b.held = &held
	}
	if err = b.load(); err == nil {
		err = b.writeHeader(o)
	}
	if err != nil {
		b.f.Close()
		return nil, err
	}
	return b, nil
}

func (b *batch) writeHeader(o *offerMsg) error {
	_, err := b.f.WriteAt(appendBatchHeader(o), 0)
	b.end = max(b.end, batchHeader)
	return errors.Join(err, b.writeAccount(spent)) // until it is accepted
}

func (b *batch) writeAccount(a account) error {
	p := put64(nil, a.bytes, a.lost, a.names)
	_, err := b.f.WriteAt(append(p, checksum(p)...), batchOffer)
	return err
}

// accountIn returns the account in a header. One that was torn allows nothing more.
func accountIn(h []byte) account {
	p := h[batchOffer:]
	if sum := p[batchAccount-8:]; string(checksum(p[:batchAccount-8])) != string(sum) {
		return spent
	}
	f := fields{b: p}
	return account{f.i64(), f.i64(), f.i64()}
}

func appendBatchHeader(o *offerMsg) []byte {
	h := append([]byte(batchMagic), o.id[:]...)
	h = put64(h, o.files, o.folders, o.bytes)
	h = append(h, o.source[:]...)
	h = append(h, make([]byte, batchOffer-8-len(h))...)
	return append(h, checksum(h)...)
}

// load reads the entries that are there.
func (b *batch) load() error {
	var h [batchHeader]byte
	if _, err := b.f.ReadAt(h[:], 0); err != nil || string(h[:8]) != batchMagic {
		return b.f.Truncate(0)
	}
	b.end = batchHeader
	for {
		r, n, err := b.read(b.end)
		if err != nil {
			break
		}
		if len(b.ids) < maxIndex {
			b.ids = append(b.ids, indexed{pathHash(r.path), b.end})
		}
		b.end += n
	}
	slices.SortFunc(b.ids, func(x, y indexed) int {
		return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.at, y.at))
	})
	return b.f.Truncate(b.end)
}

func pathHash(p string) uint64 {
	s := blake3.Sum256([]byte(p))
	return binary.BigEndian.Uint64(s[:])
}

// read reads the entry at an offset and returns its length.
func (b *batch) read(at int64) (r record, n int64, err error) {
	var head [2]byte
	if _, err := b.f.ReadAt(head[:], at); err != nil {
		return r, 0, err
	}
	body := make([]byte, 2+int(binary.BigEndian.Uint16(head[:]))+8)
	if _, err := b.f.ReadAt(body, at); err != nil {
		return r, 0, err
	}
	split := len(body) - 8
	if string(checksum(body[:split])) != string(body[split:]) || !r.parse(body[2:split]) {
		return r, 0, io.ErrUnexpectedEOF
	}
	return r, int64(len(body)), nil
}

func (r *record) append(b []byte) []byte {
	at := len(b)
	b = put64(append(b, 0, 0), r.size, int64(r.inode))
	b = putStamp(putStamp(b, r.mtime), r.copyMtime)
	b = append(b, r.tag[:]...)
	b = append(putText(append(b, r.digest[:]...), r.path), r.final...)
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return append(b, checksum(b[at:])...)
}

func (r *record) parse(b []byte) bool {
	f := fields{b: b}
	r.size, r.inode, r.mtime, r.copyMtime = f.i64(), uint64(f.i64()), f.stamp(), f.stamp()
	r.tag, r.digest = f.id(), f.hash()
	r.path, r.final = f.text(maxPath), f.rest(math.MaxUint16)
	return !f.bad
}

// add appends entries. They are safe after sync.
func (b *batch) add(rs ...record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var buf []byte
	for i := range rs {
		buf = rs[i].append(buf)
	}
	if _, err := b.f.WriteAt(buf, b.end); err != nil {
		return err
	}
	b.end += int64(len(buf))
	return nil
}

func (b *batch) sync() error { return disk.SyncData(b.f) }

// find returns an entry of an earlier attempt for path that good agrees to.
func (b *batch) find(path string, good func(record) bool) (record, bool) {
	if len(b.ids) == 0 {
		return record{}, false
	}
	h := pathHash(path)
	i, _ := slices.BinarySearchFunc(b.ids, h, func(x indexed, h uint64) int { return cmp.Compare(x.hash, h) })
	for ; i < len(b.ids) && b.ids[i].hash == h; i++ {
		if r, _, err := b.read(b.ids[i].at); err == nil && r.path == path && good(r) {
			return r, true
		}
	}
	return record{}, false
}

// close closes the record, and notes in it what came; with done it is removed.
func (b *batch) close(st *store, done bool, a account) error {
	if !done {
		return errors.Join(b.writeAccount(a), b.f.Close())
	}
	if !disk.RemovesOpen {
		b.f.Close()
	}
	err := st.state.Remove(b.name + doneExt)
	b.f.Close()
	st.dropOthers(b.name, b.key, doneExt, likeMatch, b.fits)
	return err
}
