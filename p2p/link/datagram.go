package link

import (
	"context"
	"errors"
	"time"

	"p2ptool/p2p/punch"
)

// MaxDatagram is the most bytes that a datagram of the application may have:
// what fits into a packet on every path.
const MaxDatagram = 1100

const maxOutDatagrams = 256

// ErrDatagramSize says that a datagram is longer than MaxDatagram.
var ErrDatagramSize = errors.New("datagram is too long")

// SendDatagram sends b, which is copied, once and without any promise. What
// the path cannot take soon is dropped, the oldest first.
func (l *Link) SendDatagram(b []byte) error {
	if len(b) > MaxDatagram {
		return ErrDatagramSize
	}
	b = append([]byte(nil), b...)
	ok := l.do(func() {
		if len(l.outDatagrams) >= maxOutDatagrams {
			l.outDatagrams = l.outDatagrams[1:]
		}
		l.outDatagrams = append(l.outDatagrams, b)
	})
	if !ok {
		return l.Err()
	}
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

func (l *Link) appendDatagrams(b []byte, room int, rec *sentPacket) []byte {
	end := len(b) + room
	for len(l.outDatagrams) > 0 {
		d := l.outDatagrams[0]
		if end-len(b) < 1+sizeVarint(uint64(len(d)))+len(d) {
			break
		}
		b = appendVarint(append(b, frameDatagram), uint64(len(d)))
		b = append(b, d...)
		rec.record(sentFrame{}) // counts for congestion, is not sent again
		l.outDatagrams = l.outDatagrams[1:]
	}
	return b
}

// SetCandidates tells the other side where we may be reached from now on.
func (l *Link) SetCandidates(cs []punch.Candidate) {
	l.do(func() { l.candidates, l.candidatesDue = cs, true })
}

func (l *Link) appendCandidates(b []byte, room int, rec *sentPacket) []byte {
	if !l.candidatesDue || room < 2+punch.MaxCandidates*(1+punch.AddrSize) {
		return b
	}
	l.candidatesDue = false
	rec.record(sentFrame{kind: sentCandidates})
	return punch.AppendCandidates(append(b, frameCandidates), l.candidates)
}

// Ping measures a round trip on the path in use.
func (l *Link) Ping(ctx context.Context) (time.Duration, Path, error) {
	answer := make(chan time.Duration, 1)
	if !l.do(func() {
		if l.chosen != nil {
			l.ping(l.chosen, func(d time.Duration) { answer <- d })
		}
	}) {
		return 0, Path{}, l.Err()
	}
	select {
	case d := <-answer:
		return d, l.Path(), nil
	case <-l.done:
		return 0, Path{}, l.Err()
	case <-ctx.Done():
		return 0, l.Path(), context.Cause(ctx)
	}
}
