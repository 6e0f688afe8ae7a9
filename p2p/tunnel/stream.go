package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/udp"
)

const (
	// queueLength is how many buffers of 64 KiB wait in a stream to be sent, beside
	// the one that is being sent.
	queueLength = 3
	// writePatience is for how long the other end may take nothing.
	writePatience = 10 * time.Second
)

var errFull = errors.New("tunnel: too much waits to be sent")

// A stream is one connection of a hub. It has a reading and a writing goroutine,
// either of which ends it.
type stream struct {
	hub  *Hub
	addr netip.AddrPort
	conn net.Conn
	wake chan struct{} // something waits to be sent, or finishing is set

	ctx context.Context // ends with the stream
	end context.CancelFunc

	mu        sync.Mutex // guards what follows
	queue     []queued
	finishing bool // end when all is sent
}

// A queued is a buffer with n bytes of frames in it.
type queued struct {
	buf *udp.Buffer
	n   int
}

func newStream(h *Hub, c net.Conn, addr netip.AddrPort) *stream {
	s := &stream{hub: h, addr: addr, conn: c, wake: make(chan struct{}, 1)}
	s.ctx, s.end = context.WithCancel(h.ctx)
	return s
}

// bare returns the connection under TLS.
func bare(c net.Conn) net.Conn {
	for {
		t, ok := c.(*tls.Conn)
		if !ok {
			return c
		}
		c = t.NetConn()
	}
}

// closeNow closes a connection without the farewell of TLS, for which it might have
// to wait.
func closeNow(c net.Conn) { bare(c).Close() }

// read hands on what arrives, and waits where that is not wanted yet.
func (s *stream) read() {
	defer s.end()
	r := newFrames(s.conn)
	for {
		if _, err := r.peek(); err != nil { // holds no buffer while nothing comes
			return
		}
		buf := udp.NewBuffer()
		n, size, err := r.batch(buf.Bytes()[:udp.MaxBatch])
		if err != nil {
			buf.Release()
			return
		}
		select {
		case s.hub.arrived <- udp.Batch{Addr: s.addr, Data: buf.Bytes()[:n], Size: size, Buf: buf}:
		case <-s.ctx.Done():
			buf.Release()
			return
		}
	}
}

// write sends what waits.
func (s *stream) write() {
	defer s.end()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		}
		for q := s.take(); q.buf != nil; q = s.take() {
			_ = s.conn.SetWriteDeadline(time.Now().Add(writePatience)) // where this fails, so does the next
			_, err := s.conn.Write(q.buf.Bytes()[:q.n])
			s.release(q)
			if err != nil {
				return
			}
		}
		if s.finished() {
			return
		}
	}
}

// finish has the stream end when all that waits is sent, or soon.
func (s *stream) finish() {
	s.mu.Lock()
	s.finishing = true
	s.mu.Unlock()
	s.rouse()
	time.AfterFunc(goodbye, s.end)
}

func (s *stream) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finishing && len(s.queue) == 0
}

func (s *stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take takes the next buffer out of the queue; its buf is nil if there is none.
func (s *stream) take() (q queued) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		q = s.queue[0]
		s.queue = append(s.queue[:0], s.queue[1:]...)
	}
	return q
}

func (s *stream) release(q queued) {
	q.buf.Release()
	s.hub.queued.Add(-1)
}

// put has datagrams sent, as far as there is room.
func (s *stream) put(b udp.Batch) (err error) {
	s.mu.Lock()
	b.Datagrams(func(d []byte) {
		if q := s.room(d); q != nil {
			q.n = len(appendFrame(q.buf.Bytes()[:q.n], d))
		} else {
			err = errFull
		}
	})
	s.mu.Unlock()
	s.rouse()
	return err
}

// room returns the buffer to put a datagram in, or nil. The caller holds the mutex.
func (s *stream) room(d []byte) *queued {
	last, n := len(s.queue)-1, lengthSize+len(d)
	switch {
	case len(d) > MaxDatagram:
		return nil
	case last >= 0 && s.queue[last].n+n <= len(s.queue[last].buf.Bytes()):
		return &s.queue[last]
	case len(s.queue) == queueLength || s.ctx.Err() != nil:
		return nil
	case s.hub.queued.Add(1) > maxQueued:
		s.hub.queued.Add(-1)
		return nil
	}
	s.queue = append(s.queue, queued{buf: udp.NewBuffer()})
	return &s.queue[last+1]
}
