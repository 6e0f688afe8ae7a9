package udp

import (
	"sync"
	"sync/atomic"
)

// A Buffer is memory for one batch that returns to a pool when its last holder
// releases it. NewBuffer gives one with a single holder.
type Buffer struct {
	bytes   [1 << 16]byte
	holders atomic.Int32
}

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns a buffer of 64 KiB with unknown content and one holder.
func NewBuffer() *Buffer {
	b := buffers.Get().(*Buffer)
	b.holders.Store(1)
	return b
}

// Bytes returns the whole buffer.
func (b *Buffer) Bytes() []byte { return b.bytes[:] }

// Retain adds a holder.
func (b *Buffer) Retain() { b.holders.Add(1) }

// Release takes a holder away; the buffer must not be touched by it again.
func (b *Buffer) Release() {
	switch n := b.holders.Add(-1); {
	case n == 0:
		buffers.Put(b)
	case n < 0:
		panic("udp: buffer released twice")
	}
}
