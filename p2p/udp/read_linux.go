package udp

import (
	"net"

	"golang.org/x/sys/unix"
)

// maxReadErrors is how many consecutive errors Read ignores. An ICMP error about a sent datagram is
// reported once; an error that persists is the socket's own.
const maxReadErrors = 64

// A reader is the state of Read between calls.
type reader struct {
	msgs  [readBatches]message
	slots [readBatches]slot
	bufs  [readBatches]*Buffer
	zones map[uint32]string

	try  func(fd uintptr) bool // the method receive, stored because creating a method value allocates
	want int                   // how many messages to receive
	n    int                   // how many were received
	err  unix.Errno
}

func (r *reader) init() {
	r.zones = make(map[uint32]string)
	r.try = r.receive
	for i := range r.msgs {
		r.msgs[i].attach(&r.slots[i])
	}
}

// receive receives messages from the kernel, and reports whether there were any, or an error. A
// socket that must wait releases its buffers, so that the hundreds of idle sockets of birthday
// probing need none.
func (r *reader) receive(fd uintptr) bool {
	for i := range r.want {
		if r.bufs[i] == nil {
			r.bufs[i] = NewBuffer()
		}
		r.slots[i].setData(r.bufs[i].Bytes())
		r.msgs[i].hdr.SetControllen(controlSize)
		r.msgs[i].hdr.Namelen = unix.SizeofSockaddrInet6
	}
	n, errno := mmsg(unix.SYS_RECVMMSG, fd, r.msgs[:r.want])
	if r.err = errno; errno != 0 {
		n = 0
	}
	r.n = n
	if errno == unix.EAGAIN {
		r.releaseAll()
		return false
	}
	return true
}

// releaseAll releases all buffers.
func (r *reader) releaseAll() {
	for i, b := range r.bufs {
		if b != nil {
			b.Release()
		}
		r.bufs[i], r.slots[i].iov.Base = nil, nil
	}
}

// Read implements Conn.
func (c *conn) Read(batches []Batch) (int, error) {
	if len(batches) == 0 {
		return 0, errBatch
	}
	r := &c.reader
	r.want = min(len(batches), readBatches)
	for failed := 0; failed < maxReadErrors; {
		if err := c.raw.Read(r.try); err != nil {
			r.releaseAll()
			return 0, net.ErrClosed
		}
		if r.err != 0 {
			failed++
			continue
		}
		if n := r.deliver(batches); n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// deliver fills batches with the received messages, except empty datagrams.
func (r *reader) deliver(batches []Batch) (n int) {
	for i := range r.n {
		b := r.batch(i)
		r.bufs[i], r.slots[i].iov.Base = nil, nil
		if len(b.Data) == 0 {
			b.Buf.Release()
			continue
		}
		batches[n] = b
		n++
	}
	return n
}

func (r *reader) batch(i int) Batch {
	m, s := &r.msgs[i], &r.slots[i]
	b := Batch{Addr: parseName(&s.name, r.zones), Buf: r.bufs[i]}
	b.Data = b.Buf.Bytes()[:m.n]
	b.Size = len(b.Data)
	if size := segmentSize(s.controlBytes()[:m.hdr.Controllen]); size > 0 {
		b.Size = min(size, len(b.Data))
	}
	return b
}
