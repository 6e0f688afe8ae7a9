package transfer

import (
	"errors"
	"os"
	"time"
)

// Two attempts at one transfer do not run side by side: both would deliver the same files. A sender that
// was killed and is run again comes back long before its first link is known to be dead. So an attempt that finds the record of
// its transfer in use claims it, and the one that uses it yields: at once to the same transfer, of which the sender
// has given up the other link, and to another one of the same source once its own sender has been silent for a while.
// One whose sender is not silent goes on; then the new one has a record of its own.
type claim byte

const (
	unclaimed     claim = iota
	claimedByLike       // by another transfer of the same source
	claimedBySame       // by the same transfer
	claimGranted        // the attempt that has the record is ending
)

const (
	claimPoll   = 100 * time.Millisecond
	silentPolls = 10 // of a sender, after which its transfer may be taken over
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

// setClaim writes a claim. If that fails there is none, and nobody waits for long.
func setClaim(f *os.File, c claim) { _, _ = f.WriteAt([]byte{byte(c)}, claimAt) }

// claimRecord claims the record in f, which another attempt has locked, and reports whether that one yields.
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

// heedClaims ends the attempt when a later one may go on in its place.
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
