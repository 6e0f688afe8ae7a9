package link

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
)

// MaxDatagram is the most bytes that a datagram of the application may have. It
// fits into one packet where the path carries those of baseMTU, and else is sent in pieces.
const MaxDatagram = 1100

// maxDatagrams is how many wait to be sent, and for ReceiveDatagram.
const maxDatagrams = 64

// ErrDatagramSize says that a datagram is longer than MaxDatagram.
var ErrDatagramSize = errors.New("datagram is too long")

// An outgoing is a datagram that waits to be sent.
type outgoing struct {
	data []byte
	id   uint64 // of its pieces, if it is sent in such
	sent int    // bytes in those that were
}

// SendDatagram sends b, which is copied, once and without any promise. What
// the path cannot take soon is dropped, the oldest first.
func (l *Link) SendDatagram(b []byte) error {
	if len(b) > MaxDatagram {
		return ErrDatagramSize
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if len(l.outbox) == maxDatagrams {
		l.outbox = slices.Delete(l.outbox, 0, 1)
	}
	l.cutUp++
	l.outbox = append(l.outbox, outgoing{data: bytes.Clone(b), id: l.cutUp})
	l.waiting.Store(int32(len(l.outbox)))
	l.poke()
	return nil
}

// ReceiveDatagram waits for the next datagram. Some are dropped while nobody
// waits.
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

// OnDatagram takes a DATAGRAM. It is dropped while the
// application does not read, and if it is longer than any that is sent.
func (l packetHandler) OnDatagram(data []byte) {
	if len(data) <= MaxDatagram {
		l.gotDatagram(bytes.Clone(data))
	}
}

func (l *Link) gotDatagram(data []byte) {
	select {
	case l.datagrams <- data:
	default:
	}
}

// appendDatagrams appends datagrams, of at most room bytes. One that is longer than whole,
// which is what a packet of the path holds, is appended in pieces.
func (l *Link) appendDatagrams(b []byte, room, whole int, rec *recovery.Packet) []byte {
	if l.waiting.Load() == 0 {
		return b
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	end := len(b) + room
	n := 0
	for n < len(l.outbox) && !rec.Full() {
		d := &l.outbox[n]
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
	l.outbox = slices.Delete(l.outbox, 0, n)
	l.waiting.Store(int32(len(l.outbox)))
	return b
}
