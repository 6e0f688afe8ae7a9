package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// maxSegments is the largest number of datagrams in one message (UDP_MAX_SEGMENTS; newer
	// kernels allow 128, which 64 KiB rarely hold).
	maxSegments = 64
	// maxMessage is the largest size of a message's segments. With more bytes, the message with
	// all headers exceeds a device's limit of 64 KiB (gso_max_size), and the kernel segments it
	// in software, which is slow.
	maxMessage = 65400
	// maxPlain is how many destinations without UDP_SEGMENT are remembered before the socket
	// stops using it.
	maxPlain = 64
)

var errBatch = errors.New("udp: malformed batch")

// A sender is the state of one call of Write.
type sender struct {
	msgs  [maxSegments]message
	slots [maxSegments]slot

	try  func(fd uintptr) bool
	next int // the first message that is not sent yet
	n    int // how many messages there are
	err  unix.Errno
}

var senders = sync.Pool{New: func() any { return newSender() }}

func newSender() *sender {
	s := new(sender)
	s.try = s.send
	for i := range s.msgs {
		s.msgs[i].attach(&s.slots[i])
	}
	return s
}

// send sends the remaining messages, and reports whether it has finished: all are sent, or there is
// an error.
func (s *sender) send(fd uintptr) bool {
	for s.next < s.n {
		n, errno := mmsg(unix.SYS_SENDMMSG, fd, s.msgs[s.next:s.n])
		if errno != 0 {
			s.err = errno
			return errno != unix.EAGAIN
		}
		s.next += n
	}
	s.err = 0
	return true
}

// clear drops the references to the data.
func (s *sender) clear() {
	for i := range s.n {
		s.slots[i].iov.Base = nil
	}
	s.next, s.n, s.err = 0, 0, 0
}

// Write implements Conn.
func (c *conn) Write(b Batch) error { return c.write(b, 0) }

// WriteTTL implements Conn.
func (c *conn) WriteTTL(b Batch, ttl int) error {
	if ttl < 1 || ttl > 255 || len(b.Data) > b.Size {
		return errBatch
	}
	return c.write(b, ttl)
}

func (c *conn) write(b Batch, ttl int) error {
	if b.Size < 1 {
		return errBatch
	}
	s := senders.Get().(*sender)
	defer senders.Put(s)
	for len(b.Data) > 0 {
		segments := 1
		if b.Size < len(b.Data) && !c.plain.has(b.Addr) {
			segments = max(1, min(maxSegments, maxMessage/b.Size))
		}
		sent, err := c.writeSome(s, b, segments, ttl)
		b.Data = b.Data[sent:]
		if err != nil && segments > 1 && refusesSegments(err) {
			// UDP_SEGMENT is the cause only if single datagrams succeed.
			if sent, err = c.writeSome(s, b, 1, ttl); err == nil {
				c.plain.add(b.Addr)
			}
			b.Data = b.Data[sent:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeSome sends as much of b as fits into the sender's messages, with the given number of segments
// each, and returns the number of bytes sent.
func (c *conn) writeSome(s *sender, b Batch, segments, ttl int) (sent int, err error) {
	defer s.clear()
	for rest := b.Data; len(rest) > 0 && s.n < len(s.msgs); s.n++ {
		n := min(len(rest), segments*b.Size)
		if err := c.prepare(s, Batch{Addr: b.Addr, Data: rest[:n], Size: b.Size}, ttl); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	if c.raw.Write(s.try) != nil {
		return 0, net.ErrClosed
	}
	if s.err != 0 {
		err = s.err
	}
	return min(len(b.Data), s.next*segments*b.Size), err
}

// prepare fills the sender's next message.
func (c *conn) prepare(s *sender, b Batch, ttl int) error {
	m, slot := &s.msgs[s.n], &s.slots[s.n]
	n, err := c.putName(&slot.name, b.Addr)
	if err != nil {
		return err
	}
	m.hdr.Namelen = uint32(n)
	slot.setData(b.Data)
	m.hdr.SetControllen(c.putControls(slot.controlBytes(), b, ttl))
	return nil
}

func (c *conn) putControls(control []byte, b Batch, ttl int) (n int) {
	if b.Size < len(b.Data) {
		var v [2]byte
		binary.NativeEndian.PutUint16(v[:], uint16(b.Size))
		n += putControl(control[n:], unix.IPPROTO_UDP, unix.UDP_SEGMENT, v[:])
	}
	if ttl > 0 {
		var v [4]byte
		binary.NativeEndian.PutUint32(v[:], uint32(ttl))
		if c.v6 {
			n += putControl(control[n:], unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, v[:])
		} else {
			n += putControl(control[n:], unix.IPPROTO_IP, unix.IP_TTL, v[:])
		}
	}
	return n
}

// refusesSegments reports whether UDP_SEGMENT may be the cause of an error: a tunnel or a device
// without checksum offload (EIO), or a segment longer than the MTU (EINVAL in older kernels,
// EMSGSIZE).
func refusesSegments(err error) bool {
	errno, ok := err.(unix.Errno)
	return ok && (errno == unix.EIO || errno == unix.EINVAL || errno == unix.EMSGSIZE || errno == unix.EOPNOTSUPP)
}

// A plainSet is a bounded set of destinations that receive single datagrams, without UDP_SEGMENT. The zero
// value is empty.
type plainSet struct {
	any atomic.Bool // the set is not empty
	all atomic.Bool

	mu    sync.Mutex
	addrs map[netip.Addr]bool
}

func (p *plainSet) addAll() {
	p.all.Store(true)
	p.any.Store(true)
}

func (p *plainSet) add(addr netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.addrs) == maxPlain {
		p.addAll()
		return
	}
	if p.addrs == nil {
		p.addrs = make(map[netip.Addr]bool)
	}
	p.addrs[addr.Addr()] = true
	p.any.Store(true)
}

func (p *plainSet) has(addr netip.AddrPort) bool {
	if !p.any.Load() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Load() || p.addrs[addr.Addr()]
}
