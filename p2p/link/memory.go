package link

import (
	"sync"
	"sync/atomic"
)

// streamCost is what a stream that the other side opens counts for beside its data: the
// stream itself, and the goroutines and buffers that an application gives it, which are five and
// 20 KiB for a transfer without an offer. It counts for more than that because it bounds the goroutines, too.
const streamCost = 64 << 10

// A Memory bounds what the other sides of several links together can make this one hold:
// streams that they opened, and data of streams that the application has not read.
// A packet that would exceed it is dropped and not acknowledged, so its sender slows
// down. Its methods are safe for concurrent use.
type Memory struct {
	limit int64
	full  func()
	held  atomic.Int64
}

// NewMemory returns a bound of limit bytes. Each time that more is wanted, full is
// called; it must not block, and may be nil.
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
	from *Memory    // nil: there is no bound
	n    int
	over bool // the link has ended and holds nothing
}

// claim asks for n bytes more.
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

// end returns all of it.
func (h *holding) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.from != nil {
		h.from.held.Add(-int64(h.n))
	}
	h.n, h.over = 0, true
}

// Held returns how many bytes the other side makes the link hold, after Config.Memory.
func (l *Link) Held() int {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return l.memory.n
}

// SetMemory has another Memory bound what the link holds; nil: none does. What it holds
// already is moved, even where that exceeds the bound.
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
