// Package udp provides UDP sockets that send and receive batches of datagrams, and their read
// loop.
//
// A Batch is a run of datagrams to or from one address, end to end in one piece of memory, all of
// the same size except the last. The Linux kernel sends such a run at once with GSO and delivers
// it at once with GRO; elsewhere a Conn splits it. The packages above only use batches.
//
// Buffers are reference-counted: a Handler retains a buffer that it keeps after it returns, and
// releases it later.
package udp

import "net/netip"

// MaxBatch is the largest size of a Batch in bytes.
const MaxBatch = 65507

// A Conn is a datagram socket of one address family. Its methods may be called from several
// goroutines, except Read.
type Conn interface {
	// Read blocks until datagrams arrive and fills batches from the front, each with a
	// Buffer that the caller must release. It returns how many it filled: at least one,
	// unless there is an error. After Close the error is net.ErrClosed; errors of single
	// datagrams are not reported.
	Read(batches []Batch) (int, error)

	// Write sends the datagrams of b, and ignores its Buffer. It may block until the
	// socket's buffer has room. An error means that some of them were not sent; without an
	// error they may still be lost.
	Write(b Batch) error

	// WriteTTL sends one datagram with the given IP time to live (or hop limit), so that it
	// passes the near NATs and is dropped on the way.
	WriteTTL(b Batch, ttl int) error

	// LocalAddr returns the address the socket is bound to.
	LocalAddr() netip.AddrPort

	// Close closes the socket and unblocks Read. Calling it twice is fine.
	Close() error
}

// A Network opens sockets. System is the operating system's; tests have others.
type Network interface {
	// Listen opens a socket of the family "udp4" or "udp6". A udp6 socket does not support
	// IPv4. The address may be unspecified, and its port zero.
	Listen(family string, addr netip.AddrPort) (Conn, error)

	// Addrs returns the addresses of this host's interfaces that are up, including loopback,
	// with those of container bridges last.
	Addrs() ([]netip.Addr, error)
}

// Source returns the source address that n uses for packets to an address; ok is false if there is
// no route or n does not know. Nothing is sent.
func Source(n Network, to netip.Addr) (own netip.Addr, ok bool) {
	if n, can := n.(interface {
		Source(netip.Addr) (netip.Addr, bool)
	}); can {
		return n.Source(to)
	}
	return netip.Addr{}, false
}

// BufferSizes returns how many bytes the system buffers for c before datagrams are lost (read) or
// Write blocks (write); 0 if unknown.
func BufferSizes(c Conn) (read, write int) {
	if c, ok := c.(interface{ bufferSizes() (read, write int) }); ok {
		return c.bufferSizes()
	}
	return 0, 0
}

// A Batch is a run of datagrams to or from one address.
type Batch struct {
	Addr netip.AddrPort // the remote address; never an IPv4-mapped IPv6 address
	Data []byte         // the datagrams, end to end
	Size int            // the length of each datagram except the last; at least 1
	Buf  *Buffer        // contains Data, after Read
}

// Datagrams calls f for each datagram of the batch, in order.
func (b Batch) Datagrams(f func(d []byte)) {
	for rest := b.Data; len(rest) > 0; {
		n := min(b.Size, len(rest))
		f(rest[:n:n])
		rest = rest[n:]
	}
}

// A Handler is called with each batch that a Conn receives, on the Conn's reading goroutine. It must
// not block, and must retain b.Buf to keep b.Data.
type Handler func(c Conn, b Batch)

// Serve reads from c and calls h for every batch until c is closed.
func Serve(c Conn, h Handler) error {
	batches := make([]Batch, readBatches)
	for {
		n, err := c.Read(batches)
		for i := range n {
			h(c, batches[i])
			batches[i].Buf.Release()
			batches[i] = Batch{}
		}
		if err != nil {
			return err
		}
	}
}

// readBatches is the largest number of batches of one Read. It is small because each needs a buffer
// of 64 KiB.
const readBatches = 8
