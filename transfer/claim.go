package transfer

import (
	"errors"
	"os"
	"time"
)

// Two attempts at one transfer must not run side by side, because both would deliver the same files. A sender that
// is killed and restarted returns long before its first link times out. So an attempt that finds the record of its
// transfer in use claims it, and the attempt that holds it yields. It yields at once to the same transfer, since the
// sender has abandoned the old link. It yields to another transfer of the same source once its own sender has been
// silent for a while. If its sender is not silent, it continues, and the new attempt gets its own record.
type claim byte

const (
	unclaimed     claim = iota
	claimedByLike       // by another transfer of the same source
	claimedBySame       // by the same transfer
	claimGranted        // the attempt that holds the record is ending
)

const (
	claimPoll   = 100 * time.Millisecond
	silentPolls = 10 // a sender that is silent for so many polls loses its transfer to a claim
)

// errTakenOver ends an attempt in favor of a later one.
var errTakenOver = errors.New("a later attempt goes on with this transfer")

func claimIn(f *os.File) claim {
	var b [1]byte
	if _, err := f.ReadAt(b[:], claimAt); err != nil {
		return unclaimed
	}
	return claim(b[0])
}

// setClaim writes a claim. It ignores errors: the wait for a claim is bounded anyway.
func setClaim(f *os.File, c claim) { _, _ = f.WriteAt([]byte{byte(c)}, claimAt) }

// claimRecord claims the record in f, which another attempt has locked, and reports whether that attempt yields.
func claimRecord(f *os.File, how match) (yields bool) {
	mine := claimedByLike
	if how == sameMatch {
		mine = claimedBySame
	}
	have := claimIn(f)
	if have < mine {
		setClaim(f, mine)
	}
	return have == claimGranted
}

// heedClaims ends this attempt when a later one may continue in its place.
func (r *receiver) heedClaims() error {
	poll := time.NewTicker(claimPoll)
	defer poll.Stop()
	for silent, last := 0, r.heard.Load(); ; silent++ {
		select {
		case <-poll.C:
		case <-r.ctx.Done():
			return nil
		}
		if now := r.heard.Load(); now != last {
			silent, last = 0, now
		}
		c := claimIn(r.batch.f)
		if c == claimedBySame || c == claimedByLike && silent >= silentPolls {
			setClaim(r.batch.f, claimGranted)
			return interrupted(errTakenOver)
		}
	}
}
