package link

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// MaxDatagram is the most bytes that a datagram of the application may have:
// what fits into a packet on every path.
const MaxDatagram = 1100

// maxDatagrams is how many wait to be sent, and for ReceiveDatagram.
const maxDatagrams = 64

// ErrDatagramSize says that a datagram is longer than MaxDatagram.
var ErrDatagramSize = errors.New("datagram is too long")

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
	l.outbox = append(l.outbox, bytes.Clone(b))
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

// onDatagram takes a DATAGRAM (frameHandler). It is dropped while the
// application does not read, and if it is longer than any that is sent.
func (l *Link) onDatagram(data []byte) {
	if len(data) > MaxDatagram {
		return
	}
	select {
	case l.datagrams <- bytes.Clone(data):
	default:
	}
}

func (l *Link) appendDatagrams(b []byte, room int, rec *sentPacket) []byte {
	if l.waiting.Load() == 0 {
		return b
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	end := len(b) + room
	n := 0
	for ; n < len(l.outbox) && !rec.full(); n++ {
		d := l.outbox[n]
		if end-len(b) < 1+sizeVarint(uint64(len(d)))+len(d) {
			break
		}
		b = appendVarint(append(b, frameDatagram), uint64(len(d)))
		b = append(b, d...)
		rec.record(sentFrame{kind: sentDatagram})
	}
	l.outbox = slices.Delete(l.outbox, 0, n)
	l.waiting.Store(int32(len(l.outbox)))
	return b
}
