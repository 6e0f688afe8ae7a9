package bench

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"time"
)

// sendBlocks writes blocks of incompressible data for the given time.
func sendBlocks(w io.Writer, lasts time.Duration) error {
	b := make([]byte, 4+maxBlock)
	rand.Read(b[4:])
	binary.BigEndian.PutUint32(b, maxBlock)
	for begun := time.Now(); time.Since(begun) < lasts; {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, 4))
	return err
}

// receiveBlocks reads blocks up to the last one and returns their rate, without the first fifth of the
// given time.
func receiveBlocks(r io.Reader, lasts time.Duration) (rate float64, err error) {
	m := newMeter(lasts)
	b := make([]byte, maxBlock)
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0, ended(err)
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxBlock {
			return 0, errMessage
		}
		if n == 0 {
			return m.rate(time.Now()), nil
		}
		for left := b[:n]; len(left) > 0; {
			k, err := r.Read(left)
			if err != nil {
				return 0, ended(err)
			}
			left = left[k:]
			m.add(k, time.Now())
		}
	}
}

// A meter measures a rate, beginning some time after the first byte.
type meter struct {
	skip        time.Duration
	first, from time.Time
	bytes       int64
}

func newMeter(lasts time.Duration) *meter { return &meter{skip: lasts / 5} }

func (m *meter) add(n int, now time.Time) {
	switch {
	case m.first.IsZero():
		m.first = now
	case m.from.IsZero():
		if now.Sub(m.first) >= m.skip {
			m.from = now
		}
	default:
		m.bytes += int64(n)
	}
}

// rate returns the bytes per second, or 0 if there were too few.
func (m *meter) rate(now time.Time) float64 {
	if d := now.Sub(m.from); !m.from.IsZero() && d > 0 {
		return float64(m.bytes) / d.Seconds()
	}
	return 0
}
