package p2p

import "hash/fnv"

// Each process tells the server and the other ends of its links which kinds of streams it accepts, as a set of
// 32 bits: one for each kind that it has a handler for, chosen by the kind's hash. A bit that is not set is certain:
// the kind is not accepted. A bit that is set may be that of another kind with the same hash.
const allKinds = ^uint32(0) // nothing is known

func kindBit(kind string) uint32 {
	if kind == "" {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(kind))
	return 1 << (h.Sum32() >> 27)
}

func (p *Peer) takes() (set uint32) {
	for kind := range p.opts.Handlers {
		set |= kindBit(kind)
	}
	return set
}

// Takes reports whether the other process takes streams of a kind, as far as is known:
// one that says so may still refuse them.
func (l *Link) Takes(kind string) bool { return l.remote.takes&kindBit(kind) != 0 }

// Instance returns the random number that the other process chose when it started. It distinguishes processes with the
// same GUID.
func (l *Link) Instance() uint64 { return l.remote.instance }
