package server

import (
	"math/rand/v2"
	"net/netip"
)

const (
	maxChannels       = 1 << 17 // pairs, in all
	maxPeerChannels   = 1 << 10 // pairs of one session
	maxSourceChannels = 1 << 13 // pairs that one source has requested

	// roomSample is how many pairs are compared to find one to close, if there are too
	// many to compare all.
	roomSample = 32
)

// A pairsSource is a source and the pairs that its peers have requested.
type pairsSource struct {
	addr  netip.Addr
	pairs []*pair
}

// enterLocked adds a pair to the tables.
func (r *relay) enterLocked(p *pair, source netip.Addr) {
	s := r.sources[source]
	if s == nil {
		s = &pairsSource{addr: source}
		r.sources[source] = s
	}
	p.source, p.place, p.position = s, len(s.pairs), len(r.pairs)
	s.pairs = append(s.pairs, p)
	r.pairs = append(r.pairs, p)
}

// leaveLocked removes a pair from the tables.
func (r *relay) leaveLocked(p *pair) {
	r.pairs = cutPair(r.pairs, p.position, func(moved *pair) { moved.position = p.position })
	s := p.source
	s.pairs = cutPair(s.pairs, p.place, func(moved *pair) { moved.place = p.place })
	if len(s.pairs) == 0 {
		delete(r.sources, s.addr)
	}
}

// cutPair removes the pair at a position and moves the last pair there.
func cutPair(pairs []*pair, at int, move func(*pair)) []*pair {
	last := len(pairs) - 1
	pairs[at] = pairs[last]
	move(pairs[at])
	pairs[last] = nil
	return pairs[:last]
}

// makeRoomLocked closes pairs so that one more between two sessions stays within
// the limits of the requesting source, of either session, and of the server. It closes
// a pair of the source, or session, that has most. So an attacker pushes out its own pairs:
// to take one from an honest peer it needs more sources than the limit has places.
func (r *relay) makeRoomLocked(source netip.Addr, sessions ...uint32) {
	if s := r.sources[source]; s != nil && len(s.pairs) >= maxSourceChannels {
		r.closeLocked(leastUseful(sample(s.pairs)))
	}
	for _, index := range sessions {
		if o := r.owners[index]; o != nil && len(o.channels) >= maxPeerChannels {
			r.closeLocked(leastUseful(o.largestShare()))
		}
	}
	if len(r.pairs) >= maxChannels {
		r.closeLocked(leastUseful(ofLargestSource(sample(r.pairs))))
	}
}

// sample returns up to roomSample of the pairs, at random.
func sample(pairs []*pair) []*pair {
	if len(pairs) <= roomSample {
		return pairs
	}
	some := make([]*pair, roomSample)
	for i := range some {
		some[i] = pairs[rand.IntN(len(pairs))]
	}
	return some
}

// leastUseful returns the pair to close: one that does not carry packets both ways before one
// that does, and of those the one that was used least recently. There is at least one.
func leastUseful(pairs []*pair) *pair {
	worst := pairs[0]
	for _, p := range pairs[1:] {
		if p.carries() != worst.carries() {
			if worst.carries() {
				worst = p
			}
		} else if p.used < worst.used {
			worst = p
		}
	}
	return worst
}

// ofLargestSource returns the pairs whose source has the most pairs.
func ofLargestSource(pairs []*pair) (largest []*pair) {
	most := 0
	for _, p := range pairs {
		switch n := len(p.source.pairs); {
		case n > most:
			largest, most = []*pair{p}, n
		case n == most:
			largest = append(largest, p)
		}
	}
	return largest
}

// largestShare returns a session's pairs of the source that has the most of them.
func (o *owner) largestShare() []*pair {
	shares := make(map[*pairsSource][]*pair)
	var largest []*pair
	for _, c := range o.channels {
		s := append(shares[c.pair.source], c.pair)
		shares[c.pair.source] = s
		if len(s) > len(largest) {
			largest = s
		}
	}
	return largest
}
