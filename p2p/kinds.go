package p2p

import "hash/fnv"

// Each process sends the server and the other ends of its links a 32-bit set of the stream kinds that it accepts. The
// hash of each kind with a handler selects one bit. If a kind's bit is clear, the process does not accept the kind. If
// the bit is set, the process may accept the kind, or only another one with the same bit.
const allKinds = ^uint32(0) // the accepted kinds are unknown

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

// Takes reports whether the other process may accept streams of a kind. If it returns true, the process can still
// refuse them.
func (l *Link) Takes(kind string) bool { return l.remote.takes&kindBit(kind) != 0 }

// Instance returns the random number that the other process chose when it started. It distinguishes processes with the
// same GUID.
func (l *Link) Instance() uint64 { return l.remote.instance }
