package bench

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"p2ptool/transfer"
)

// Rates are the write and read rate of a disk in bytes per second.
type rates struct{ write, read float64 }

// measureDisk writes and syncs incompressible data for half of the time, and reads it for the other
// half.
func measureDisk(s *transfer.Scratch, lasts time.Duration) (r rates, err error) {
	b := make([]byte, maxBlock)
	noise := rand.NewChaCha8([32]byte{1})
	begun := time.Now()
	for n := int64(0); ; {
		noise.Read(b)
		if _, err := s.Write(b); err != nil {
			return r, err
		}
		if n += maxBlock; time.Since(begun) >= lasts/2 {
			if err := s.Sync(); err != nil {
				return r, err
			}
			r.write = float64(n) / time.Since(begun).Seconds()
			break
		}
	}
	s.Forget()
	begun = time.Now()
	for n := int64(0); ; {
		k, err := s.Read(b)
		if err != nil {
			return r, err
		}
		if n += int64(k); time.Since(begun) >= lasts/2 {
			r.read = float64(n) / time.Since(begun).Seconds()
			return r, nil
		}
	}
}

// A timedReader ends at a given time, or when it is stopped: the goroutines of a transfer that has
// failed may still call Read.
type timedReader struct {
	mu      sync.Mutex
	r       io.Reader
	until   time.Time
	stopped bool
}

func (l *timedReader) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}

func (l *timedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || !time.Now().Before(l.until) {
		return 0, io.EOF
	}
	return l.r.Read(b)
}
