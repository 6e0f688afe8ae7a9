package link

import (
	"sync"
	"sync/atomic"
)

// streamCost is how many bytes a stream that the peer opens counts for in addition to its
// data. The stream itself and what an application spends on it are less (five goroutines and
// 20 KiB for a transfer that waits for its offer), but this bounds the goroutines, too.
const streamCost = 64 << 10

// A Memory bounds how much memory the peers of several links can make this process use
// together: streams that they opened, and data that the application has not read. A packet
// that would exceed the bound is dropped and not acknowledged, so its sender slows down. The
// methods are safe for concurrent use.
type Memory struct {
	limit int64
	full  func()
	held  atomic.Int64
}

// NewMemory returns a bound of limit bytes. full is called each time that a packet would
// exceed it; it must not block, and may be nil.
func NewMemory(limit int64, full func()) *Memory {
	if full == nil {
		full = func() {}
	}
	return &Memory{limit: limit, full: full}
}

// Held returns how many bytes are held now.
func (m *Memory) Held() int64 { return m.held.Load() }

func (m *Memory) claim(n int) bool {
	if m.held.Add(int64(n)) <= m.limit {
		return true
	}
	m.held.Add(-int64(n))
	m.full()
	return false
}

// A holding is a link's part of a Memory.
type holding struct {
	mu   sync.Mutex // guards what follows
	from *Memory    // nil: unbounded
	n    int
	over bool // the link has ended and holds nothing
}

// claim claims n more bytes, and reports whether they are within the bound.
func (h *holding) claim(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over || h.from != nil && !h.from.claim(n) {
		return false
	}
	h.n += n
	return true
}

// give returns n bytes.
func (h *holding) give(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return
	}
	h.n -= n
	if h.from != nil {
		h.from.held.Add(-int64(n))
	}
}

// end returns all bytes; later claims fail.
func (h *holding) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from != nil {
		h.from.held.Add(-int64(h.n))
	}
	h.n, h.over = 0, true
}

// Held returns how many bytes the link has claimed from Config.Memory.
func (l *Link) Held() int {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return l.memory.n
}

// SetMemory moves the link to another Memory, or to none if m is nil. What it has claimed
// moves along, even if that exceeds the new bound.
func (l *Link) SetMemory(m *Memory) {
	h := &l.memory
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from != nil {
		h.from.held.Add(-int64(h.n))
	}
	if h.from = m; m != nil {
		m.held.Add(int64(h.n))
	}
}
