package transfer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"p2ptool/transfer/internal/disk"
)

// KeepUnfinished is how long the data of an unfinished transfer is kept after its last attempt.
const KeepUnfinished = 14 * 24 * time.Hour

// Unfinished describes what unfinished transfers have left in a folder.
type Unfinished struct {
	Dir   string // the partial folder
	Files int
	Bytes int64
	Last  time.Time // of the latest attempt
}

// FindUnfinished returns what unfinished and running transfers hold in the target folder dir. If there is
// nothing, Files is 0. It returns an error for a partial folder that is not to be trusted, such as another user's.
func FindUnfinished(dir string) (Unfinished, error) {
	u := Unfinished{Dir: filepath.Join(dir, stateFolder)}
	st, err := openStore(context.Background(), dir, "")
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return u, err
	}
	defer st.root.Close()
	if st.state == nil {
		return u, nil
	}
	defer st.closeState()
	err = st.each(func(name string, fi fs.FileInfo) {
		if strings.HasSuffix(name, partExt) {
			u.Files++
		}
		u.Bytes += fi.Size()
		if fi.ModTime().After(u.Last) {
			u.Last = fi.ModTime()
		}
	})
	return u, err
}

// each calls fn for every regular file in the partial folder.
func (st *store) each(fn func(name string, fi fs.FileInfo)) error {
	names, err := readNames(st.state)
	for _, name := range names {
		if fi, err := st.state.Lstat(name); err == nil && fi.Mode().IsRegular() {
			fn(name, fi)
		}
	}
	return err
}

// expire removes what has not been resumed for KeepUnfinished and is not open. A record of a transfer that
// was delivered in full is kept only for keepDelivered.
func (st *store) expire(now time.Time) {
	latest := make(map[string]time.Time) // of the files of a slot
	// What cannot be read now is checked again next time.
	_ = st.each(func(name string, fi fs.FileInfo) {
		base := strings.TrimSuffix(name, filepath.Ext(name))
		if fi.ModTime().After(latest[base]) {
			latest[base] = fi.ModTime()
		}
	})
	for base, last := range latest {
		age := now.Sub(last)
		if age > KeepUnfinished || age > keepDelivered && st.isDelivered(base) {
			st.removeSlot(base)
		}
	}
}

// isDelivered reports whether a slot has a record that is marked as delivered.
func (st *store) isDelivered(base string) bool {
	f, err := st.state.OpenFile(base+doneExt, os.O_RDONLY|disk.OpenFlags, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [1]byte
	_, err = f.ReadAt(b[:], deliveredAt)
	return err == nil && b[0] == 1
}

// removeSlot removes the files of a slot that are not in use. It removes the journal along with its partial file.
func (st *store) removeSlot(base string) {
	part, locked := st.lockSlot(base + partExt)
	if part == nil || locked {
		st.removeLocked(base+partExt, part)
		_ = st.state.Remove(base + journalExt)
	} else {
		part.Close()
	}
	if done, locked := st.lockSlot(base + doneExt); locked {
		st.removeLocked(base+doneExt, done)
	} else if done != nil {
		done.Close()
	}
}

func (st *store) removeLocked(name string, f *os.File) {
	if f != nil {
		_ = st.state.Remove(name) // fails on Windows while it is open
		f.Close()
		_ = st.state.Remove(name)
	}
}
