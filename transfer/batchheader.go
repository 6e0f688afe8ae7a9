package transfer

import (
	"errors"
	"os"

	"p2ptool/transfer/internal/disk"
)

// wasAccepted reports whether exactly this offer was accepted before, is unfinished, and has not used up the
// allowance a. It changes nothing on disk.
func wasAccepted(st *store, o *offerMsg, a *allowance) bool {
	return recorded(st, o, func(h []byte) bool { return isHeaderOf(h, o) == sameMatch && a.covers(accountIn(h)) })
}

// wasBegun reports whether o, or an offer of the same source with another ID, is unfinished.
func wasBegun(st *store, o *offerMsg) bool {
	return recorded(st, o, func(h []byte) bool { return isHeaderOf(h, o) >= likeMatch })
}

// recorded reads the headers of unfinished transfers with the same names, and reports whether ok returns true for one.
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

// isHeaderOf returns how well a header matches o: sameMatch compares the ID, the sizes and the origin, likeMatch only the
// origin, as the source may have changed since. The record's key already implies the same names. A stream cannot be read
// twice, so its record is free.
func isHeaderOf(h []byte, o *offerMsg) match {
	var of offerMsg
	if !of.parseRecord(h[:batchOffer]) {
		return freeMatch
	}
	sizes := of.files == o.files && of.folders == o.folders && of.bytes == o.bytes
	switch {
	case of.id == o.id && sizes && of.origin == o.origin:
		return sameMatch
	case of.isStream():
		return freeMatch
	case of.origin == o.origin:
		return likeMatch
	}
	return otherMatch
}

// parseRecord reads what appendBatchHeader wrote.
func (m *offerMsg) parseRecord(h []byte) bool {
	sum := len(h) - 8
	if string(h[:len(batchMagic)]) != batchMagic || string(checksum(h[:sum])) != string(h[sum:]) {
		return false
	}
	f := fields{b: h[len(batchMagic):sum]}
	m.id, m.files, m.folders, m.bytes = f.id(), f.i64(), f.i64(), f.i64()
	m.source, m.origin = f.id(), f.id()
	return !f.bad
}

func (b *batch) writeHeader(o *offerMsg) error {
	h := appendBatchHeader(o)
	_, err := b.f.WriteAt(append(h, make([]byte, batchHeader-len(h))...), 0)
	b.end = max(b.end, batchHeader)
	return errors.Join(err, b.writeAccount(spent)) // allow nothing until the offer is accepted
}

func (b *batch) writeAccount(a account) error {
	p := put64(nil, a.bytes, a.lost, a.names)
	_, err := b.f.WriteAt(append(p, checksum(p)...), batchOffer)
	return err
}

// accountIn returns the account in a header. If it is damaged, it allows nothing more.
func accountIn(h []byte) account {
	p := h[batchOffer:][:batchAccount]
	if sum := p[batchAccount-8:]; string(checksum(p[:batchAccount-8])) != string(sum) {
		return spent
	}
	f := fields{b: p}
	return account{f.i64(), f.i64(), f.i64()}
}

func appendBatchHeader(o *offerMsg) []byte {
	h := append([]byte(batchMagic), o.id[:]...)
	h = put64(h, o.files, o.folders, o.bytes)
	h = append(append(h, o.source[:]...), o.origin[:]...)
	return append(h, checksum(h)...)
}
