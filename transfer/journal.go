package transfer

import (
	"encoding/binary"
	"io"
	"os"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"

	"p2ptool/transfer/internal/disk"
)

// A journal records which chunks a partial file holds. It is a table on disk: a header, and for
// each chunk a slot with its hash. A slot that is unwritten, cleared or torn does not match its
// own checksum and does not count.
//
//	header, 128 bytes                        slot, 40 bytes, at 128 + 40 i
//	  0  "p2ptjrn3"                            0  hash of chunk i
//	  8  size of the source, 8                32  checksum, 8
//	 16  its modification time: seconds, 8; nanoseconds, 4
//	 28  its tag, 16; zero: the chunks may be of different states of the source
//	 44  salt of the checksums, 16
//	 60  inode of the partial file, 8
//	 68  its modification time: seconds, 8; nanoseconds, 4
//	 80  origin of the source, 16
//	 96  zeros
//	120  checksum, 8
//
// A slot is written only after the chunk is durable, and is durably cleared before the chunk
// is overwritten. So the journal never lists a chunk that is not on disk, whenever the process
// is killed. Each checksum is the head of BLAKE3 over the salt, the slot's number and the hash.
type journal struct {
	f *os.File
	journalHeader
}

type journalHeader struct {
	size  int64
	mtime stamp
	tag   [16]byte
	salt  [16]byte
	inode uint64
	mark  stamp
	// origin identifies the source, whatever its state.
	origin [16]byte
}

const (
	journalMagic = "p2ptjrn3"
	headerSize   = 128
	slotSize     = hashSize + 8
	slotPage     = 1024 // slots that are read at once
)

func (h *journalHeader) append(b []byte) []byte {
	b = putStamp(put64(append(b, journalMagic...), h.size), h.mtime)
	b = append(append(b, h.tag[:]...), h.salt[:]...)
	b = append(putStamp(put64(b, int64(h.inode)), h.mark), h.origin[:]...)
	b = append(b, make([]byte, 120-len(b))...)
	return append(b, checksum(b)...)
}

func (h *journalHeader) parse(b []byte) bool {
	if len(b) != headerSize || string(b[:8]) != journalMagic || string(checksum(b[:120])) != string(b[120:]) {
		return false
	}
	f := fields{b: b[8:]}
	h.size, h.mtime, h.tag, h.salt = f.size(false), f.stamp(), f.id(), f.id()
	h.inode, h.mark, h.origin = uint64(f.i64()), f.stamp(), f.id()
	return !f.bad
}

func checksum(b []byte) []byte {
	s := blake3.Sum256(b)
	return s[:8]
}

// openJournal reads the header of f. It returns false if f has no valid header.
func openJournal(f *os.File) (*journal, bool) {
	j := &journal{f: f}
	var b [headerSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return nil, false
	}
	return j, j.parse(b[:])
}

func (j *journal) writeHeader() error {
	_, err := j.f.WriteAt(j.append(make([]byte, 0, headerSize)), 0)
	return err
}

func (j *journal) slotSum(i int64, h cv) []byte {
	var b [16 + 8 + hashSize]byte
	copy(b[:], j.salt[:])
	binary.BigEndian.PutUint64(b[16:], uint64(i))
	copy(b[24:], h[:])
	return checksum(b[:])
}

func slotAt(i int64) int64 { return headerSize + slotSize*i }

// put writes the slots of durable chunks, which are in ascending order.
func (j *journal) put(ws []written) error {
	for len(ws) > 0 {
		var b []byte
		first := ws[0].i
		for len(ws) > 0 && ws[0].i == first+int64(len(b)/slotSize) {
			b = append(append(b, ws[0].hash[:]...), j.slotSum(ws[0].i, ws[0].hash)...)
			ws = ws[1:]
		}
		if _, err := j.f.WriteAt(b, slotAt(first)); err != nil {
			return err
		}
	}
	return nil
}

// clear clears the slots from first up to end, without syncing.
func (j *journal) clear(first, end int64) error {
	zeros := make([]byte, slotSize*min(end-first, slotPage))
	for at := first; at < end; at += slotPage {
		if _, err := j.f.WriteAt(zeros[:slotSize*min(end-at, slotPage)], slotAt(at)); err != nil {
			return err
		}
	}
	return nil
}

// get reads up to slotPage slots from first on. ok is false for slots that are not valid.
func (j *journal) get(first, n int64) (hashes []cv, ok []bool, err error) {
	b := make([]byte, slotSize*min(n, slotPage))
	m, err := j.f.ReadAt(b, slotAt(first))
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	clear(b[m:])
	for i := first; len(b) > 0; i, b = i+1, b[slotSize:] {
		h := cv(b[:hashSize])
		hashes = append(hashes, h)
		ok = append(ok, string(j.slotSum(i, h)) == string(b[hashSize:slotSize]))
	}
	return hashes, ok, nil
}

// runs returns which of the first total chunks the journal lists.
func (j *journal) runs(total int64) (rs []run, err error) {
	if fi, err := j.f.Stat(); err != nil {
		return nil, err
	} else if slots := (fi.Size() - headerSize) / slotSize; slots < total {
		total = max(slots, 0)
	}
	for at := int64(0); at < total; at += slotPage {
		_, ok, err := j.get(at, total-at)
		if err != nil {
			return nil, err
		}
		for k, held := range ok {
			if held {
				rs = extend(rs, at+int64(k))
			}
		}
	}
	return rs, nil
}

// extend adds chunk i, which comes after all of rs.
func extend(rs []run, i int64) []run {
	if n := len(rs); n > 0 && rs[n-1].end() == i {
		rs[n-1].count++
		return rs
	}
	return append(rs, run{uint32(i), 1})
}

// subtree returns the hash of the subtree of 2^level chunks from at on.
func (j *journal) subtree(at int64, level int) (cv, error) {
	if n := int64(1) << level; n <= slotPage {
		hashes, ok, err := j.get(at, n)
		for _, held := range ok {
			if !held && err == nil {
				err = errJournal
			}
		}
		if err != nil {
			return cv{}, err
		}
		return joinCVs(hashes), nil
	}
	l, err := j.subtree(at, level-1)
	if err != nil {
		return cv{}, err
	}
	r, err := j.subtree(at+1<<(level-1), level-1)
	return nodeCV(guts.ParentNode(unpackCV(l), unpackCV(r), &guts.IV, 0)), err
}

// addTo adds the chunks from first up to end, of a file of total chunks, to a digest.
func (j *journal) addTo(d *digester, first, end, total int64) error {
	for _, level := range subtrees(first, end, total) {
		h, err := j.subtree(first, level)
		if err != nil {
			return err
		}
		d.addCV(h, level)
		first += 1 << level
	}
	return nil
}

func (j *journal) sync() error { return disk.SyncData(j.f) }
