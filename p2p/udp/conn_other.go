//go:build !linux

package udp

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// maxReadErrors is how many consecutive errors Read ignores. Errors about datagrams that were sent
// before (isSendError) do not count: strangers can cause any number of them.
const maxReadErrors = 64

var errBatch = errors.New("udp: malformed batch")

// A conn is a socket that sends and receives one datagram at a time.
type conn struct {
	socket *net.UDPConn
	v6     bool
	local  netip.AddrPort

	ttl sync.RWMutex // held exclusively while the socket's time to live is changed
}

func newConn(socket *net.UDPConn, v6 bool) (*conn, error) {
	grow(socket.SetReadBuffer)
	grow(socket.SetWriteBuffer)
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	configure := func(fd uintptr) {
		dontFragment(fd, v6)
		ignoreResets(fd)
	}
	if err := raw.Control(configure); err != nil {
		return nil, err
	}
	return &conn{socket: socket, v6: v6, local: localAddr(socket)}, nil
}

// Read implements Conn. It fills one batch with one datagram.
func (c *conn) Read(batches []Batch) (int, error) {
	if len(batches) == 0 {
		return 0, errBatch
	}
	buf := NewBuffer()
	for failed := 0; ; {
		n, addr, err := c.socket.ReadFromUDPAddrPort(buf.Bytes())
		switch {
		case err == nil && n > 0:
			addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
			batches[0] = Batch{Addr: addr, Data: buf.Bytes()[:n], Size: n, Buf: buf}
			return 1, nil
		case errors.Is(err, net.ErrClosed):
			buf.Release()
			return 0, net.ErrClosed
		case err != nil && !isSendError(err):
			if failed++; failed == maxReadErrors {
				buf.Release()
				return 0, err
			}
		}
	}
}

// Write implements Conn.
func (c *conn) Write(b Batch) error {
	c.ttl.RLock()
	defer c.ttl.RUnlock()
	return c.write(b)
}

func (c *conn) write(b Batch) (err error) {
	if b.Size < 1 {
		return errBatch
	}
	b.Datagrams(func(d []byte) {
		if _, e := c.socket.WriteToUDPAddrPort(d, b.Addr); e != nil && err == nil {
			err = e
		}
	})
	if errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// WriteTTL implements Conn. The time to live is a property of the socket here, so other writes
// wait.
func (c *conn) WriteTTL(b Batch, ttl int) error {
	if ttl < 1 || ttl > 255 || len(b.Data) > b.Size {
		return errBatch
	}
	c.ttl.Lock()
	defer c.ttl.Unlock()
	old, err := c.swapTTL(ttl)
	if err != nil {
		return err
	}
	err = c.write(b)
	if _, e := c.swapTTL(old); err == nil {
		err = e
	}
	return err
}

func (c *conn) swapTTL(ttl int) (old int, err error) {
	if c.v6 {
		p := ipv6.NewPacketConn(c.socket)
		if old, err = p.HopLimit(); err == nil {
			err = p.SetHopLimit(ttl)
		}
		return old, err
	}
	p := ipv4.NewPacketConn(c.socket)
	if old, err = p.TTL(); err == nil {
		err = p.SetTTL(ttl)
	}
	return old, err
}

func (c *conn) LocalAddr() netip.AddrPort { return c.local }

// Close closes the socket. Calling it twice is fine.
func (c *conn) Close() error {
	_ = c.socket.Close() // fails only if it is closed already
	return nil
}

// bufferSizes returns 0: the sizes are unknown.
func (c *conn) bufferSizes() (read, write int) { return 0, 0 }
