package p2p

import "net/netip"

// A fairQueue holds requests of strangers until there is time for them. Sources take turns, so a source with many
// requests delays only itself. It is not safe for concurrent use.
type fairQueue[T any] struct {
	limit  int // items; beyond it, the oldest item of the source with the most is dropped
	n      int
	queues map[netip.Addr][]T
	turns  []netip.Addr // the sources that have items, in the order of their turns
}

func newFairQueue[T any](limit int) fairQueue[T] {
	return fairQueue[T]{limit: limit, queues: make(map[netip.Addr][]T)}
}

// put adds an item of a source. If full, it returns the item that it dropped instead.
func (q *fairQueue[T]) put(source netip.Addr, item T) (dropped T, full bool) {
	waiting := q.queues[source]
	if len(waiting) == 0 {
		q.turns = append(q.turns, source)
	}
	q.queues[source] = append(waiting, item)
	if q.n++; q.n > q.limit {
		return q.take(q.longest()), true
	}
	return dropped, false
}

// next returns the item whose turn it is.
func (q *fairQueue[T]) next() (item T, ok bool) {
	if q.n == 0 {
		return item, false
	}
	source := q.turns[0]
	item = q.take(0)
	if len(q.queues[source]) > 0 { // its turn comes again, behind the others
		q.turns = append(q.turns[1:], source)
	}
	return item, true
}

// longest returns the place of the source that has most items.
func (q *fairQueue[T]) longest() (place int) {
	for i, source := range q.turns {
		if len(q.queues[source]) > len(q.queues[q.turns[place]]) {
			place = i
		}
	}
	return place
}

// take removes the oldest item of the source at a place, and the source where it was
// the last one.
func (q *fairQueue[T]) take(place int) T {
	source := q.turns[place]
	waiting := q.queues[source]
	q.n--
	if len(waiting) == 1 {
		delete(q.queues, source)
		q.turns = append(q.turns[:place], q.turns[place+1:]...)
	} else {
		q.queues[source] = waiting[1:]
	}
	return waiting[0]
}
