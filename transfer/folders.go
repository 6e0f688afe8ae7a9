package transfer

import (
	"io/fs"
	"os"

	"p2ptool/transfer/internal/disk"
)

func sameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// maxMade is how many folders may wait to be synced.
const maxMade = 1024

// madeIn records that there is a new folder in dir.
func (r *receiver) madeIn(dir string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.made); n == 0 || r.made[n-1] != dir {
		r.made = append(r.made, dir)
	}
}

func (r *receiver) countMade() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.made)
}

// drainMade returns the folders that contain new ones, and clears the list.
func (r *receiver) drainMade() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	made := r.made
	r.made = nil
	return made
}

// syncMade syncs the folders that contain new ones.
func (r *receiver) syncMade() error {
	synced := make(map[string]bool)
	for _, dir := range r.drainMade() {
		if synced[dir] {
			continue
		}
		if err := r.syncDir(dir); err != nil {
			return storage(err)
		}
		synced[dir] = true
	}
	if len(synced) == 0 {
		return nil
	}
	if err := disk.FlushDrive(r.st.root); err != nil {
		return storage(err)
	}
	return nil
}

// leave records that all entries of a folder were planned.
func (r *receiver) leave(l leave) {
	r.mu.Lock()
	r.leaves = append(r.leaves, l)
	r.mu.Unlock()
	r.moveOn()
}

// setTotal records that all n entries were planned.
func (r *receiver) setTotal(n int64) {
	r.mu.Lock()
	r.total = n
	r.mu.Unlock()
	r.moveOn()
}

// moveOn does what had to wait until entries finished: it sets the modes and times of folders,
// and after the last entry sends the summary.
func (r *receiver) moveOn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	low, _ := r.win.bounds()
	for len(r.leaves) > 0 && low >= r.leaves[0].after {
		r.leaves[0].close(r.st.root)
		delete(r.opened, r.leaves[0].local)
		r.leaves = r.leaves[1:]
	}
	if r.summed || r.total < 0 || int64(low) < r.total {
		return
	}
	r.summed = true
	res := r.tally.result(0)
	r.send(&summaryMsg{res.Files, res.Failed, res.Skipped, res.Bytes})
	r.settled.Store(true)
}
