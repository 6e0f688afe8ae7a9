package link

import (
	"slices"

	"p2ptool/p2p/link/spans"
)

// A piece is a part of a datagram that does not fit into one packet of the path.
type piece struct {
	id     uint64 // the same in all of its pieces
	offset uint64
	whole  uint64 // bytes of the datagram
	data   []byte
}

// minPiece is the least data worth a piece, but for the last.
const minPiece = 64

// appendPiece appends the next piece, of at most room bytes, and reports whether
// it is the last one. It appends nothing where room is short.
func (d *outgoing) appendPiece(b []byte, room int) (out []byte, last bool) {
	head := 1 + sizeVarint(d.id) + 3*sizeVarint(uint64(len(d.data)))
	n := min(room-head, len(d.data)-d.sent)
	if last = d.sent+n == len(d.data); n < minPiece && !last || n < 1 {
		return b, false
	}
	b = append(b, framePiece)
	for _, v := range []uint64{d.id, uint64(d.sent), uint64(len(d.data)), uint64(n)} {
		b = appendVarint(b, v)
	}
	b = append(b, d.data[d.sent:d.sent+n]...)
	d.sent += n
	return b, last
}

// pieces are the datagrams of which some has arrived, oldest first. No more than a few
// are kept: what is missing may be lost.
type pieces []incoming

const keepPieces = 8

type incoming struct {
	id   uint64
	data []byte
	got  spans.Set
}

// onPiece takes a PIECE (frameHandler).
func (l *Link) onPiece(p piece) {
	if d := l.pieces.add(p); d != nil {
		l.gotDatagram(d)
	}
}

// add takes a piece and returns the datagram that is whole by it, or nil. What cannot be a
// piece of one is dropped.
func (ps *pieces) add(p piece) []byte {
	end := p.offset + uint64(len(p.data))
	if p.whole > MaxDatagram || p.offset > p.whole || end > p.whole || len(p.data) == 0 {
		return nil
	}
	i := slices.IndexFunc(*ps, func(d incoming) bool { return d.id == p.id })
	if i < 0 {
		if len(*ps) == keepPieces {
			*ps = slices.Delete(*ps, 0, 1)
		}
		*ps = append(*ps, incoming{id: p.id, data: make([]byte, p.whole)})
		i = len(*ps) - 1
	}
	d := &(*ps)[i]
	if uint64(len(d.data)) != p.whole {
		return nil
	}
	copy(d.data[p.offset:], p.data)
	d.got.Add(spans.Span{Start: p.offset, End: end})
	if len(d.got) > 1 || d.got[0].Len() < p.whole {
		return nil
	}
	whole := d.data
	*ps = slices.Delete(*ps, i, i+1)
	return whole
}
