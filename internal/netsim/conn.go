package netsim

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"

	"p2ptool/p2p/udp"
)

// receiveBuffer is the size of a socket's receive buffer in bytes.
const receiveBuffer = 7 << 20

// maxMerge is the largest batch that is merged from several packets, as by GRO.
const maxMerge = 65400

var errBatch = errors.New("netsim: malformed batch")

// A conn is a socket. The network's mutex guards its fields, except local.
type conn struct {
	host  *Host
	local netip.AddrPort

	arrived sync.Cond
	queue   []packet
	bytes   int // in queue
	closed  bool
}

func newConn(h *Host, local netip.AddrPort) *conn {
	c := &conn{host: h, local: local}
	c.arrived.L = &h.net.mu
	h.conns[local] = c
	h.net.conns[c] = true
	if h.net.stopped {
		c.close()
	}
	return c
}

// put appends a packet to the receive buffer. It returns false if there is no room.
func (c *conn) put(p packet) bool {
	if c.bytes+len(p.data) > receiveBuffer {
		return false
	}
	c.queue = append(c.queue, p)
	c.bytes += len(p.data)
	c.arrived.Signal()
	return true
}

// Read implements udp.Conn.
func (c *conn) Read(batches []udp.Batch) (n int, err error) {
	packets, err := c.dequeue(len(batches))
	if err != nil {
		return 0, err
	}
	for len(packets) > 0 {
		merged := mergeable(packets)
		batches[n] = join(packets[:merged])
		packets = packets[merged:]
		n++
	}
	return n, nil
}

// dequeue waits for packets, and removes as many as make up to the given number of batches.
func (c *conn) dequeue(batches int) ([]packet, error) {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if batches == 0 {
		return nil, errBatch
	}
	for len(c.queue) == 0 && !c.closed {
		c.arrived.Wait()
	}
	if c.closed {
		return nil, net.ErrClosed
	}
	n := 0
	for ; batches > 0 && n < len(c.queue); batches-- {
		n += mergeable(c.queue[n:])
	}
	taken := c.queue[:n:n]
	c.queue = c.queue[n:]
	for _, p := range taken {
		c.bytes -= len(p.data)
	}
	return taken, nil
}

// mergeable returns how many packets from the front form one batch: they have one source and size,
// and only the last one may end in a shorter datagram.
func mergeable(packets []packet) int {
	total := len(packets[0].data)
	for i, p := range packets[1:] {
		last := packets[i]
		total += len(p.data)
		if p.src != last.src || p.size != last.size || len(last.data)%last.size != 0 || total > maxMerge {
			return i + 1
		}
	}
	return len(packets)
}

// join copies packets into a batch. It needs no mutex.
func join(packets []packet) udp.Batch {
	b := udp.Batch{Addr: packets[0].src, Size: packets[0].size, Buf: udp.NewBuffer()}
	b.Data = b.Buf.Bytes()[:0]
	for _, p := range packets {
		b.Data = append(b.Data, p.data...)
	}
	b.Size = min(b.Size, len(b.Data))
	return b
}

// Write implements udp.Conn. It never blocks.
func (c *conn) Write(b udp.Batch) error { return c.write(b, startTTL) }

// WriteTTL implements udp.Conn.
func (c *conn) WriteTTL(b udp.Batch, ttl int) error {
	if ttl < 1 || ttl > 255 || len(b.Data) > b.Size {
		return errBatch
	}
	return c.write(b, ttl)
}

func (c *conn) write(b udp.Batch, ttl int) error {
	dst := netip.AddrPortFrom(b.Addr.Addr().Unmap(), b.Addr.Port())
	if b.Size < 1 || len(b.Data) > udp.MaxBatch {
		return errBatch
	}
	if !dst.IsValid() || dst.Addr().Is6() != c.local.Addr().Is6() {
		return errFamily
	}
	p := packet{dst: dst, ttl: ttl, data: bytes.Clone(b.Data), size: min(b.Size, len(b.Data))}
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if len(p.data) == 0 {
		return nil
	}
	return c.host.send(c.local, p)
}

func (c *conn) LocalAddr() netip.AddrPort { return c.local }

// Close implements udp.Conn.
func (c *conn) Close() error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	c.close()
	return nil
}

func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed, c.queue = true, nil
	delete(c.host.conns, c.local)
	delete(c.host.net.conns, c)
	c.arrived.Broadcast()
}
