// Package udp is the way to the network: sockets that speak in batches, and
// the one reading loop a socket has.
//
// A Batch is a run of datagrams to or from one address, laid end to end in one
// piece of memory, all of the same size but the last. That is what the Linux
// kernel takes at once with GSO and gives at once with GRO; elsewhere a Conn
// takes a batch apart by itself. Whoever stands above speaks of batches only,
// and never learns how they travel.
//
// Buffers are counted: what a Handler wants to keep beyond its call it retains,
// and releases when done.
package udp

import "net/netip"

// MaxBatch is the most bytes a Batch may hold, on reading and on writing.
const MaxBatch = 65507

// A Conn is a datagram socket of one address family. Its methods may be
// called from several goroutines at once, Read from one only.
type Conn interface {
	// Read blocks until datagrams arrive and fills batches from the front,
	// each with a Buffer that the caller has to release. It returns how many
	// it filled, at least one unless there is an error. After Close the error
	// is net.ErrClosed; errors of single datagrams are not reported.
	Read(batches []Batch) (int, error)

	// Write sends the datagrams of b, whose Buffer it ignores. It may block
	// until the socket's buffer has room. An error tells that some of them
	// were not sent; as with any datagram, no error promises nothing.
	Write(b Batch) error

	// WriteTTL sends one datagram with the given IP time to live (or hop
	// limit), so that it opens the NATs near us and dies on the way.
	WriteTTL(b Batch, ttl int) error

	// LocalAddr returns the address the socket is bound to.
	LocalAddr() netip.AddrPort

	// Close closes the socket and makes a blocked Read return. Twice is fine.
	Close() error
}

// A Network opens sockets. System is the real one; tests have others.
type Network interface {
	// Listen opens a socket of the family "udp4" or "udp6". A udp6 socket
	// takes no IPv4. The address may be unspecified, its port zero.
	Listen(family string, addr netip.AddrPort) (Conn, error)

	// Addrs returns the addresses of this host's interfaces that are up,
	// loopback among them, those of bridges for containers last.
	Addrs() ([]netip.Addr, error)
}

// Source returns the address that a host of n sends from to another; ok is false where
// there is no route, or n cannot tell. Nothing is sent.
func Source(n Network, to netip.Addr) (own netip.Addr, ok bool) {
	if n, can := n.(interface {
		Source(netip.Addr) (netip.Addr, bool)
	}); can {
		return n.Source(to)
	}
	return netip.Addr{}, false
}

// BufferSizes returns how many bytes the system holds for c in each direction
// before datagrams are lost (reading) or Write blocks (writing); 0 where it cannot be told.
func BufferSizes(c Conn) (read, write int) {
	if c, ok := c.(interface{ bufferSizes() (read, write int) }); ok {
		return c.bufferSizes()
	}
	return 0, 0
}

// A Batch is a run of datagrams to or from one address.
type Batch struct {
	Addr netip.AddrPort // the remote address; never an IPv4 address in IPv6 form
	Data []byte         // the datagrams, end to end
	Size int            // the length of each but the last; at least 1
	Buf  *Buffer        // what Data lies in, on reading
}

// Datagrams calls f for each datagram of the batch, in order.
func (b Batch) Datagrams(f func(d []byte)) {
	for rest := b.Data; len(rest) > 0; {
		n := min(b.Size, len(rest))
		f(rest[:n:n])
		rest = rest[n:]
	}
}

// A Handler is given each batch that arrives at a Conn, on that Conn's reading
// goroutine. It must not block, and must retain b.Buf to keep b.Data.
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

// readBatches is how many batches a single Read may give: each holds a buffer
// of 64 KiB while it waits, so a few.
const readBatches = 8
