package bench

import (
	"math/rand/v2"
	"time"

	"p2ptool/transfer"
)

// Rates are the write and read rate of a disk in bytes per second.
type rates struct{ write, read float64 }

// A Pace is called after each block that a disk has written or read, with its bytes. In virtual
// time, where disks take no time, it sleeps. Nil does nothing.
type Pace func(bytes int)

func (p Pace) after(bytes int) {
	if p != nil {
		p(bytes)
	}
}

// measureDisk writes and syncs incompressible data for half of the time, and reads it for the other
// half.
func measureDisk(s *transfer.Scratch, lasts time.Duration, pace Pace) (r rates, err error) {
	b := make([]byte, maxBlock)
	noise := rand.NewChaCha8([32]byte{1})
	begun := time.Now()
	for n := int64(0); ; {
		noise.Read(b)
		if _, err := s.Write(b); err != nil {
			return r, err
		}
		pace.after(maxBlock)
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
		pace.after(k)
		if n += int64(k); time.Since(begun) >= lasts/2 {
			r.read = float64(n) / time.Since(begun).Seconds()
			return r, nil
		}
	}
}
