package transfer

import (
	"context"
	"fmt"
	"time"

	"p2ptool/transfer/internal/disk"
)

const (
	filesSpare = 24              // descriptors left for the rest of the process, and for files that are open briefly
	filesWait  = 5 * time.Second // how long to wait until others in this process or system close files
)

// filesLeft returns how many more files this process may open, minus filesSpare.
func filesLeft() int {
	limit, open := disk.FileLimit()
	return limit - open - filesSpare
}

// withFiles calls do, and retries while it fails for lack of descriptors. It waits between tries, as the transfer
// closes files while it continues.
func withFiles(ctx context.Context, do func() error) error {
	for deadline, wait := time.Now().Add(filesWait), 2*time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := do()
		if err == nil || !disk.OutOfFiles(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, wait)
	}
}

// outOfFiles returns the reason for an error for lack of descriptors.
func outOfFiles() string {
	limit, _ := disk.FileLimit()
	return fmt.Sprintf("too many open files: this process may have %d; raise the limit (ulimit -n)", limit)
}

// A fileBudget limits how many received files are open at a time. Each uses up to three descriptors: the file
// itself, and its folder twice or its journal.
type fileBudget chan struct{}

const maxOpen = 2 * finalBatch

func newFileBudget() fileBudget { return make(fileBudget, max(1, min(filesLeft()/3, maxOpen))) }

// acquireFile waits for a place in the budget for in, which it keeps until it is retired. It waits only while
// finishLoop has files to finish. All others wait for chunks, so they would not free a place.
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

// releaseFile returns the place in the budget that acquireFile took.
func (r *receiver) releaseFile(in *incoming) {
	if in.budgeted {
		in.budgeted = false
		<-r.files
	}
}

// writeStarved writes small files for which there were no descriptors when they arrived. Other files have
// finished since, so descriptors should be free again.
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
