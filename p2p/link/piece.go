package link

import (
	"slices"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// minPiece is the least data of a piece, except for the last one.
const minPiece = 64

// appendPiece appends the next piece, of at most room bytes, and reports whether
// it is the last one. It appends nothing if there is too little room.
func (d *outgoing) appendPiece(b []byte, room int) (out []byte, last bool) {
	n := min(room-wire.PieceHeadSize(d.id, len(d.data)), len(d.data)-d.sent)
	if last = d.sent+n == len(d.data); n < minPiece && !last || n < 1 {
		return b, false
	}
	b = wire.AppendPiece(b, wire.Piece{ID: d.id, Offset: uint64(d.sent), Size: uint64(len(d.data)), Data: d.data[d.sent : d.sent+n]})
	d.sent += n
	return b, last
}

// pieces are the datagrams that have arrived in part, oldest first. Only a few are kept: the
// missing pieces may be lost.
type pieces []incoming

const keepPieces = 8

type incoming struct {
	id   uint64
	data []byte
	got  spans.Set
}

// OnPiece handles a PIECE.
func (l packetHandler) OnPiece(p wire.Piece) {
	if d := l.pieces.add(p); d != nil {
		l.queueDatagram(d)
	}
}

// add adds a piece and returns the datagram that it completes, or nil. It drops a piece that
// cannot belong to any datagram.
func (ps *pieces) add(p wire.Piece) []byte {
	end := p.Offset + uint64(len(p.Data))
	if p.Size > MaxDatagram || p.Offset > p.Size || end > p.Size || len(p.Data) == 0 {
		return nil
	}
	i := slices.IndexFunc(*ps, func(d incoming) bool { return d.id == p.ID })
	if i < 0 {
		if len(*ps) == keepPieces {
			*ps = slices.Delete(*ps, 0, 1)
		}
		*ps = append(*ps, incoming{id: p.ID, data: make([]byte, p.Size)})
		i = len(*ps) - 1
	}
	d := &(*ps)[i]
	if uint64(len(d.data)) != p.Size {
		return nil
	}
	copy(d.data[p.Offset:], p.Data)
	d.got.Add(spans.Span{Start: p.Offset, End: end})
	if len(d.got) > 1 || d.got[0].Len() < p.Size {
		return nil
	}
	whole := d.data
	*ps = slices.Delete(*ps, i, i+1)
	return whole
}
