package stream

import "math/bits"

const (
	minPage = 4 << 10
	maxPage = 64 << 10
)

// A ring holds bytes of a stream by their offset: any run of them that is no longer than its
// size. The zero value holds nothing. Up to maxPage it is one page; beyond that it grows by pages
// of maxPage, so that growing leaves no garbage of its own size behind.
type ring struct{ pages [][]byte } // all of one length, a power of two

func (r *ring) size() int {
	if len(r.pages) == 0 {
		return 0
	}
	return len(r.pages) * len(r.pages[0])
}

// sizeFor returns the size that the ring has after growing to hold size bytes.
func (r *ring) sizeFor(size int) int {
	switch {
	case size <= r.size():
		return r.size()
	case size <= maxPage && r.size() < maxPage:
		return 1 << bits.Len(uint(max(size, minPage)-1))
	}
	return (size + maxPage - 1) / maxPage * maxPage
}

// grow makes the ring hold size bytes, and keeps those of [low, high).
func (r *ring) grow(size int, low, high uint64) {
	if size <= r.size() {
		return
	}
	if r.size() < maxPage {
		r.enlarge(size, low, high)
	}
	if size > r.size() {
		r.extend((size+maxPage-1)/maxPage, low, high)
	}
}

// enlarge replaces the only page by a larger one.
func (r *ring) enlarge(size int, low, high uint64) {
	old := *r
	r.pages = [][]byte{make([]byte, min(1<<bits.Len(uint(max(size, minPage)-1)), maxPage))}
	for low < high {
		piece := old.piece(low, high)
		r.write(low, piece)
		low += uint64(len(piece))
	}
}

// extend makes the ring one of n pages, which are more than it has. If both ends of what it holds
// share a page, they get one each.
func (r *ring) extend(n int, low, high uint64) {
	old := r.pages
	r.pages = make([][]byte, n)
	for p := low / maxPage; p*maxPage < high; p++ {
		from := &old[p%uint64(len(old))]
		page := *from
		if page == nil {
			page = append(page, r.pages[(p-uint64(len(old)))%uint64(n)]...)
		}
		r.pages[p%uint64(n)], *from = page, nil
	}
	for i := range r.pages {
		if r.pages[i] == nil {
			r.pages[i] = spare(old)
		}
	}
}

// spare removes a page from those given, or makes one.
func spare(pages [][]byte) []byte {
	for i, page := range pages {
		if page != nil {
			pages[i] = nil
			return page
		}
	}
	return make([]byte, maxPage)
}

// piece returns the bytes from low that lie together, at most to high.
func (r *ring) piece(low, high uint64) []byte {
	page := uint64(len(r.pages[0]))
	at := low % page
	n := min(page-at, high-low)
	return r.pages[low/page%uint64(len(r.pages))][at : at+n]
}

// write puts data at offset.
func (r *ring) write(offset uint64, data []byte) {
	for len(data) > 0 {
		n := copy(r.piece(offset, offset+uint64(len(data))), data)
		data = data[n:]
		offset += uint64(n)
	}
}

// read fills b from offset.
func (r *ring) read(offset uint64, b []byte) {
	for len(b) > 0 {
		n := copy(b, r.piece(offset, offset+uint64(len(b))))
		b = b[n:]
		offset += uint64(n)
	}
}
