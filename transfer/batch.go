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
// complete under their final names. It is removed when the sender knows that all are.
//
// An entry is written and synced before its file gets its final name. It contains the inode,
// which a rename does not change. So the entry is valid only if the file with that name has
// the same inode.
//
//	header, 128 bytes             entry
//	 0  "p2ptdon5"                 0  length of the body, 2
//	 8  ID of the transfer, 16     2  body: size, inode, each 8; mtime, mtime of the copy: seconds, 8, ns, 4;
//	24  files, 8                      digest, 32; length of the path, 2; path; final path
//	32  folders, 8                    checksum, 8
//	40  bytes, 8
//	48  tag of the source, 16
//	64  origin of the source, 16
//	80  checksum, 8
//	88  bytes that arrived, those of them that were lost, and names given, 8 each
//	112 checksum of these, 8
//	120 claim, 1: see claim.go
//	121 1: everything was delivered, and only the sender's last message is missing
//	122 zeros
//
// Entries are consecutive. The first one that does not match its checksum ends the list.
type batch struct {
	f    *os.File
	name string // without extension
	key  string
	fits func(string, *os.File) match // how well a record matches this transfer
	ids  []indexed                    // of an earlier attempt, sorted
	held *account                     // of earlier attempts at this transfer; nil: there were none

	mu  sync.Mutex
	end int64 // of the entries; guarded by mu
}

const (
	batchMagic    = "p2ptdon5"
	batchOffer    = 88 // the part of the header about the offer
	batchAccount  = 32
	claimAt       = batchOffer + batchAccount
	deliveredAt   = claimAt + 1
	batchHeader   = 128
	keepDelivered = 24 * time.Hour // of a record that is marked as delivered

	folderMade   = -1 // this transfer made the folder
	folderOpened = -2 // the folder was not writable before, and must be restored to that

	maxIndex = 1 << 22 // entries that are indexed; the files of any further ones are sent again
)

// indexed maps the head of a path's hash to the offset of the path's entry.
type indexed struct {
	hash uint64
	at   int64
}

// A record is an entry of a batch. For a folder, size is folderMade or folderOpened.
type record struct {
	size        int64
	mtime       stamp
	tag         [16]byte
	inode       uint64
	copyMtime   stamp
	digest      [32]byte
	path, final string
}

// openBatch opens the record for the offer o. It makes the partial folder if necessary, and removes expired files
// from it.
func openBatch(st *store, o *offerMsg) (b *batch, err error) {
	fits := func(_ string, f *os.File) match {
		h, err := readBatchHeader(f)
		if err != nil {
			return freeMatch
		}
		return isHeaderOf(h, o)
	}
	b = &batch{key: st.key(o.tops[:]), fits: fits}
	want := slotWanted{key: b.key, ext: doneExt, worth: likeMatch, fits: fits, claim: claimRecord}
	if o.isStream() {
		want.worth = sameMatch
	}
	for st.state == nil || b.f == nil {
		if st.state == nil {
			err = st.makeState()
		}
		if err == nil {
			b.f, b.name, err = st.openLocked(want)
		}
		// Another transfer may remove the folder before it contains our file.
		if err != nil && (!errors.Is(err, fs.ErrNotExist) || st.ctx.Err() != nil) {
			return nil, err
		}
		if err != nil {
			st.closeState()
			err = nil
			pause(st.ctx, time.Millisecond)
		}
	}
	st.expire(time.Now())
	st.slots = readSlots(st.state)
	st.removeOrphans()
	if fits("", b.f) == sameMatch {
		h, _ := readBatchHeader(b.f)
		held := accountIn(h)
		b.held = &held
	}
	if err = b.load(); err == nil {
		err = b.absorb(st)
	}
	if err == nil {
		err = b.writeHeader(o)
	}
	if err != nil {
		b.f.Close()
		return nil, err
	}
	return b, nil
}

// load reads the existing entries.
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
		b.index(r.path, b.end)
		b.end += n
	}
	b.sortIndex()
	return b.f.Truncate(b.end)
}

func (b *batch) index(path string, at int64) {
	if len(b.ids) < maxIndex {
		b.ids = append(b.ids, indexed{pathHash(path), at})
	}
}

func (b *batch) sortIndex() {
	slices.SortFunc(b.ids, func(x, y indexed) int {
		return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.at, y.at))
	})
}

// absorb copies the entries of other records of the same source, and removes those records. They were written while
// this record was in use.
func (b *batch) absorb(st *store) error {
	return st.eachOther(b.name, b.key, doneExt, likeMatch, b.fits, func(name string, f *os.File) error {
		other := batch{f: f, end: batchHeader}
		for {
			r, n, err := other.read(other.end)
			if err != nil {
				break
			}
			at := max(b.end, batchHeader)
			b.end = at
			if err := b.add(r); err != nil {
				return err
			}
			b.index(r.path, at)
			other.end += n
		}
		b.sortIndex()
		return b.sync()
	})
}

func pathHash(p string) uint64 {
	s := blake3.Sum256([]byte(p))
	return binary.BigEndian.Uint64(s[:])
}

// read reads the entry at the offset and returns it and its length.
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

// add appends entries. They are durable after sync.
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

// find returns an entry for path from an earlier attempt for which good returns true.
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

// An ending says how far a transfer got.
type ending int

const (
	endUnfinished ending = iota
	endDelivered         // everything arrived, but the sender may not know
	endConfirmed         // the sender knows, or does not need to
)

// close writes the account to the record and closes it. With endConfirmed, it removes the record.
func (b *batch) close(st *store, how ending, a account) error {
	if how != endConfirmed {
		var err error
		if how == endDelivered {
			_, err = b.f.WriteAt([]byte{1}, deliveredAt)
		}
		return errors.Join(err, b.writeAccount(a), b.f.Close())
	}
	if !disk.RemovesOpen {
		b.f.Close()
	}
	err := st.state.Remove(b.name + doneExt)
	b.f.Close()
	return errors.Join(err, st.dropOthers(b.name, b.key, doneExt, likeMatch, b.fits))
}
