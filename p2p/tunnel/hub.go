package tunnel

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/udp"
)

const (
	// arrivals is how many batches wait for Read; beyond that streams block.
	arrivals = 16
	// maxQueued bounds the buffers that wait to be sent, over all streams of a hub.
	maxQueued = 1024 // buffers of 64 KiB
	// goodbye is how long Close waits for data that is still to be sent.
	goodbye = 250 * time.Millisecond
)

var (
	errNoStream = errors.New("tunnel: no stream with that address")
	errNoTTL    = errors.New("tunnel: a stream has no time to live")
)

// A Hub is a udp.Conn over streams that are added to it. Each stream has an address, from which its datagrams
// arrive. NewHub returns one.
type Hub struct {
	arrived chan udp.Batch
	queued  atomic.Int64 // buffers
	running sync.WaitGroup

	ctx context.Context // ends with the hub
	end context.CancelFunc

	mu      sync.RWMutex // guards what follows
	streams map[netip.AddrPort]*stream
	closed  bool
}

var _ udp.Conn = (*Hub)(nil)

// NewHub returns a hub without streams.
func NewHub() *Hub {
	h := &Hub{arrived: make(chan udp.Batch, arrivals), streams: make(map[netip.AddrPort]*stream)}
	h.ctx, h.end = context.WithCancel(context.Background())
	return h
}

// Add makes a stream of a connection, for a marked address; an older stream of that address is closed. The
// connection is closed when it fails, or when the stream or the hub is closed. If the hub is closed, Add closes
// the connection and returns net.ErrClosed.
func (h *Hub) Add(c net.Conn, addr netip.AddrPort) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		closeNow(c)
		return net.ErrClosed
	}
	if old := h.streams[addr]; old != nil {
		old.end()
	}
	boundUnsent(c)
	s := newStream(h, c, addr)
	h.streams[addr] = s
	h.running.Add(1)
	context.AfterFunc(s.ctx, func() {
		defer h.running.Done()
		h.forget(s)
	})
	h.running.Go(s.read)
	h.running.Go(s.write)
	return nil
}

// forget releases what a stream holds when it has ended.
func (h *Hub) forget(s *stream) {
	h.mu.Lock()
	if h.streams[s.addr] == s {
		delete(h.streams, s.addr)
	}
	h.mu.Unlock()
	closeNow(s.conn)
	for q := s.take(); q.buf != nil; q = s.take() {
		s.release(q)
	}
}

func (h *Hub) stream(addr netip.AddrPort) *stream {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.streams[addr]
}

// Done returns a channel that is closed when the current stream of an address ends; it is closed already if
// there is none.
func (h *Hub) Done(addr netip.AddrPort) <-chan struct{} {
	if s := h.stream(addr); s != nil {
		return s.ctx.Done()
	}
	never := make(chan struct{})
	close(never)
	return never
}

// Remove closes the stream of an address, if there is one. Data written before has a quarter of a second to
// leave.
func (h *Hub) Remove(addr netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.streams[addr]; s != nil {
		delete(h.streams, addr)
		s.finish()
	}
}

// KeepFor closes the stream of an address after d unless it is called again. Without a call a stream has no time
// limit.
func (h *Hub) KeepFor(addr netip.AddrPort, d time.Duration) {
	if s := h.stream(addr); s != nil {
		_ = s.conn.SetReadDeadline(time.Now().Add(d)) // fails on a closed one only
	}
}

// Len returns how many streams there are.
func (h *Hub) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.streams)
}

// Read implements udp.Conn; it fills one batch.
func (h *Hub) Read(batches []udp.Batch) (int, error) {
	select {
	case b := <-h.arrived:
		batches[0] = b
		return 1, nil
	case <-h.ctx.Done():
		return 0, net.ErrClosed
	}
}

// Write implements udp.Conn. It does not block.
func (h *Hub) Write(b udp.Batch) error {
	s := h.stream(b.Addr)
	if s == nil {
		return errNoStream
	}
	return s.put(b)
}

// WriteTTL implements udp.Conn: nothing is sent.
func (h *Hub) WriteTTL(udp.Batch, int) error { return errNoTTL }

// LocalAddr implements udp.Conn: there is none.
func (h *Hub) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// Close closes the streams and waits for their goroutines. Data written before has a quarter of a second to
// leave. Twice is fine.
func (h *Hub) Close() error {
	h.mu.Lock()
	h.closed = true
	for _, s := range h.streams {
		s.finish()
	}
	h.mu.Unlock()
	h.running.Wait()
	h.end()
	return nil
}
