package udp

import (
	"sync"
	"sync/atomic"
)

// A Buffer is memory for one batch, with a reference count. The last Release returns it to a pool.
type Buffer struct {
	bytes   [1 << 16]byte
	holders atomic.Int32
}

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns a buffer of 64 KiB with arbitrary content and one reference.
func NewBuffer() *Buffer {
	b := buffers.Get().(*Buffer)
	b.holders.Store(1)
	return b
}

// Bytes returns the whole buffer.
func (b *Buffer) Bytes() []byte { return b.bytes[:] }

// Retain adds a reference.
func (b *Buffer) Retain() { b.holders.Add(1) }

// Release drops a reference, whose owner must not use the buffer any more.
func (b *Buffer) Release() {
	switch n := b.holders.Add(-1); {
	case n == 0:
		buffers.Put(b)
	case n < 0:
		panic("udp: buffer released twice")
	}
}
