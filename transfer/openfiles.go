package transfer

import (
	"context"
	"fmt"
	"time"

	"p2ptool/transfer/internal/disk"
)

const (
	filesSpare = 24              // descriptors that are left to others, and for what is open for a moment
	filesWait  = 5 * time.Second // for others of this process, or of the system, to close some
)

// filesLeft returns how many more files this process may have open, less some to spare.
func filesLeft() int {
	limit, open := disk.FileLimit()
	return limit - open - filesSpare
}

// withFiles calls do until it does not fail for want of descriptors. Those that the transfer has open are closed as
// it goes on, so it waits.
func withFiles(ctx context.Context, do func() error) error {
	for deadline, wait := time.Now().Add(filesWait), 2*time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := do()
		if err == nil || !disk.OutOfFiles(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, wait)
	}
}

// outOfFiles says what the limit is that was met.
func outOfFiles() string {
	limit, _ := disk.FileLimit()
	return fmt.Sprintf("too many open files: this process may have %d; raise the limit (ulimit -n)", limit)
}

// A fileBudget bounds how many received files are open at a time. Each is up to three descriptors: it, its
// folder twice or its journal.
type fileBudget chan struct{}

const maxOpen = 2 * finalBatch

func newFileBudget() fileBudget { return make(fileBudget, max(1, min(filesLeft()/3, maxOpen))) }

// acquireFile has room in the budget for in, which is closed when it is finished. Files that wait to be finished make
// room. If none does, since they wait for chunks, there is nothing to wait for.
func (r *receiver) acquireFile(in *incoming) {
	if in.budgeted {
		return
	}
	for {
		select {
		case r.files <- struct{}{}:
			in.budgeted = true
			return
		default:
		}
		if !r.finishing.Load() && len(r.finals) == 0 || r.ctx.Err() != nil {
			return
		}
		pause(r.ctx, time.Millisecond)
	}
}

// releaseFile gives back what acquireFile took.
func (r *receiver) releaseFile(in *incoming) {
	if in.budgeted {
		in.budgeted = false
		<-r.files
	}
}

// writeStarved writes small files that there were no descriptors for when they came. Others are finished, so
// that there are now, unless somebody else has them.
func (r *receiver) writeStarved(ins []*incoming) {
	for _, in := range ins {
		w := *in.starved
		in.err = withFiles(r.ctx, func() error { r.dropTmp(in); return r.writeSmall(in, w.data()) })
		r.releaseStarved(in)
	}
}

func (r *receiver) releaseStarved(in *incoming) {
	if in.starved != nil {
		if in.starved.buf != nil {
			r.release(in.starved.buf)
		}
		in.starved = nil
	}
}
