package p2p

import (
	"context"
	"hash/fnv"
)

// What a process takes is told to the server and to the other ends of its links as a
// set of 32 bits: one for each kind of streams that it has a handler for, chosen by
// the hash of the kind. A bit that is not there says for certain that a
// kind is not taken; of one that is there a stream tells the truth.
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

type kindKey struct{}

// WithKind returns a context under which Connect looks for a process of the peer that
// takes streams of a kind. Where several processes share a key, the one that
// listens for other calls may not.
func WithKind(ctx context.Context, kind string) context.Context {
	return context.WithValue(ctx, kindKey{}, kind)
}

// Takes reports whether the other process takes streams of a kind, as far as is known:
// one that says so may still refuse them.
func (l *Link) Takes(kind string) bool { return l.takes&kindBit(kind) != 0 }

// Instance returns the number of the other process, drawn at random when it started. It
// tells the processes of one GUID apart.
func (l *Link) Instance() uint64 { return l.instance }
