package link

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
)

// MaxDatagram is the size limit of the application's datagrams, in bytes. One of that size
// fits into a packet of path.BaseMTU; on a path with a smaller MTU it is sent in pieces.
const MaxDatagram = 1100

// maxDatagrams is how many datagrams may wait to be sent, and how many to be received.
const maxDatagrams = 64

// ErrDatagramSize says that a datagram is longer than MaxDatagram.
var ErrDatagramSize = errors.New("datagram is too long")

// An outgoing is a datagram that waits to be sent.
type outgoing struct {
	data []byte
	id   uint64 // of its pieces
	sent int    // bytes sent in pieces so far
}

// SendDatagram sends a copy of b once; it may be lost. If too many datagrams wait to be
// sent, the oldest is dropped. The error is ErrDatagramSize, or why the link has ended.
func (l *Link) SendDatagram(b []byte) error {
	if len(b) > MaxDatagram {
		return ErrDatagramSize
	}
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	if l.mail.err != nil {
		return l.mail.err
	}
	if len(l.mail.outbox) == maxDatagrams {
		l.mail.outbox = slices.Delete(l.mail.outbox, 0, 1)
	}
	l.mail.cutUp++
	l.mail.outbox = append(l.mail.outbox, outgoing{data: bytes.Clone(b), id: l.mail.cutUp})
	l.published.waiting.Store(int32(len(l.mail.outbox)))
	l.poke()
	return nil
}

// ReceiveDatagram waits for the next datagram. Up to 64 are kept until it is called; further
// ones are dropped.
func (l *Link) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	select {
	case b := <-l.datagrams:
		return b, nil
	case <-l.done:
		return nil, l.Err()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// OnDatagram handles a DATAGRAM. It drops one that exceeds MaxDatagram, and any while too
// many wait to be received.
func (l packetHandler) OnDatagram(data []byte) {
	if len(data) <= MaxDatagram {
		l.queueDatagram(bytes.Clone(data))
	}
}

// queueDatagram queues a datagram for ReceiveDatagram, or drops it if the queue is full.
func (l *Link) queueDatagram(data []byte) {
	select {
	case l.datagrams <- data:
	default:
	}
}

// appendDatagrams appends frames of waiting datagrams, of at most room bytes. One that does
// not fit into whole bytes, a full packet of the path, is appended in pieces.
func (l *Link) appendDatagrams(b []byte, room, whole int, rec *recovery.Packet) []byte {
	if l.published.waiting.Load() == 0 {
		return b
	}
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	end := len(b) + room
	n := 0
	for n < len(l.mail.outbox) && !rec.Full() {
		d := &l.mail.outbox[n]
		var done bool
		before := len(b)
		if size := wire.DatagramSize(len(d.data)); size <= end-len(b) && d.sent == 0 {
			b, done = wire.AppendDatagram(b, d.data), true
		} else if size > whole {
			b, done = d.appendPiece(b, end-len(b))
		}
		if len(b) == before {
			break
		}
		rec.Record(recovery.Frame{Kind: recovery.Datagram})
		if !done {
			break
		}
		n++
	}
	l.mail.outbox = slices.Delete(l.mail.outbox, 0, n)
	l.published.waiting.Store(int32(len(l.mail.outbox)))
	return b
}
