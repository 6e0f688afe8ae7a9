package server

import (
	"time"

	"p2ptool/p2p/rendezvous"
)

func (r *registry) unlist(s *session) {
	if s.listed == 0 {
		return
	}
	last := len(r.list) - 1
	moved := r.list[last]
	r.list[s.listed-1] = moved
	r.at(moved).listed = s.listed
	r.list = r.list[:last]
	s.listed = 0
}

// page returns a part of the list of at most size bytes. A cursor is the number of
// entries that remain. Pages go from the end of the list to its beginning: new entries
// are appended, and the last one fills the gap of a removed one, so every peer that stays
// is on at least one page.
func (r *registry) page(now time.Duration, cursor uint64, size int) rendezvous.Page {
	left := len(r.list)
	if cursor != 0 {
		left = int(min(cursor, uint64(left)))
	}
	var p rendezvous.Page
	for size -= 8; left > 0; left-- {
		s := r.at(r.list[left-1])
		l := rendezvous.Listing{GUID: s.guid, Seconds: uint32((now - s.since) / time.Second), Name: s.name}
		if size -= l.Size(); size < 0 {
			break
		}
		p.Peers = append(p.Peers, l)
	}
	p.Next = uint64(left)
	return p
}
