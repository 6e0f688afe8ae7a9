package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"p2ptool/transfer/internal/disk"
)

// Several transfers at once may be about the same names. Each takes a slot of a key: a file of its own, which it
// has locked. One that goes on with an earlier transfer looks for the slot of that.
const (
	maxSlots = 1 << 16
	lockWait = 3 * time.Second // for an attempt that is about to end, as its link broke
	lockPoll = 50 * time.Millisecond
	maxState = 1 << 20 // files in the state folder that are looked at
)

// A match says how well what is in a slot fits a transfer.
type match int

const (
	noMatch   match = iota // it is of use to nobody else, though
	likeMatch              // it may well be the same
	sameMatch              // it is the same
)

// slots are the numbers of the slots with files, by key and extension.
type slots map[string][]int

// slotName is the name without extension of a slot.
func slotName(key string, n int) string {
	if n == 0 {
		return key
	}
	return key + "-" + strconv.Itoa(n)
}

// readSlots reads which slots have files. What cannot be read is not there.
func readSlots(state *os.Root) slots {
	s := make(slots)
	names, _ := readNames(state)
	for _, name := range names {
		for _, ext := range []string{partExt, doneExt, journalExt} {
			base, ok := strings.CutSuffix(name, ext)
			if !ok {
				continue
			}
			key, number, _ := strings.Cut(base, "-")
			n, err := strconv.Atoi(number)
			if number == "" {
				n, err = 0, nil
			}
			if err == nil && n >= 0 && n < maxSlots && slotName(key, n) == base {
				s[key+ext] = append(s[key+ext], n)
			}
		}
	}
	for _, ns := range s {
		slices.Sort(ns)
	}
	return s
}

func readNames(dir *os.Root) ([]string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(maxState)
}

// anyOf tells whether there is a file of that extension, whatever its key.
func (s slots) anyOf(ext string) bool {
	for name := range s {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

func (s slots) has(key, ext string) bool { return len(s[key+ext]) > 0 }

// openLocked opens the file of a key that fits best and that nobody uses, or makes one, and locks it. It returns
// the name without the extension. For one that fits at least so well and is in use it waits a while.
func (st *store) openLocked(key, ext string, worth match, fits func(name string, f *os.File) match) (*os.File, string, error) {
	for deadline := time.Now().Add(lockWait); ; {
		f, name, busy := st.bestSlot(key, ext, worth, fits)
		if f != nil {
			return f, name, nil
		}
		if !busy || time.Now().After(deadline) || st.ctx.Err() != nil {
			break
		}
		pause(st.ctx, lockPoll)
	}
	return st.newSlot(key, ext)
}

// bestSlot locks the slot that fits best; busy says that one worth waiting for is in use.
func (st *store) bestSlot(key, ext string, worth match, fits func(string, *os.File) match) (best *os.File, bestName string, busy bool) {
	how := noMatch
	for _, n := range st.slots[key+ext] {
		name := slotName(key, n)
		f, locked := st.lockSlot(name + ext)
		switch {
		case f == nil:
			continue
		case !locked:
			busy = busy || fits(name, f) >= worth
			f.Close()
			continue
		}
		if m := fits(name, f); best == nil || m > how {
			if best != nil {
				best.Close()
			}
			best, bestName, how = f, name, m
		} else {
			f.Close()
		}
	}
	if busy && how < worth && best != nil {
		best.Close()
		return nil, "", true
	}
	return best, bestName, busy
}

// lockSlot opens the file of a slot, and locks it if nobody else has. There is no file if it has gone. One that
// has more than one name could be written to from elsewhere: it is removed.
func (st *store) lockSlot(name string) (f *os.File, locked bool) {
	const flags = os.O_RDWR | disk.OpenFlags
	f, err := st.state.OpenFile(name, flags, 0)
	if errors.Is(err, fs.ErrPermission) && st.state.Chmod(name, 0o600) == nil {
		f, err = st.state.OpenFile(name, flags, 0) // it had its final mode already
	}
	if err != nil {
		return nil, false
	}
	if !disk.Lock(f) {
		return f, false
	}
	have, err := f.Stat()
	if err == nil {
		// Its owner may have renamed or removed it before the lock was free.
		var there fs.FileInfo
		if there, err = st.state.Lstat(name); err == nil && !os.SameFile(have, there) {
			err = fs.ErrNotExist
		}
	}
	if err == nil && (!have.Mode().IsRegular() || disk.Links(have) != 1) {
		err = errors.Join(errJournal, st.state.Remove(name))
	}
	if err != nil {
		f.Close()
		return nil, false
	}
	return f, true
}

// newSlot makes the file of a slot that has none.
func (st *store) newSlot(key, ext string) (*os.File, string, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL | disk.OpenFlags
	for n := range maxSlots {
		name := slotName(key, n)
		f, err := st.state.OpenFile(name+ext, flags, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if st.lockNew(f, name+ext) {
			if ext != partExt || !st.journalInUse(name) {
				return f, name, nil
			}
			_ = st.state.Remove(name + ext)
		}
		f.Close()
		if err := st.ctx.Err(); err != nil {
			return nil, "", err
		}
	}
	return nil, "", fmt.Errorf("%d transfers of this file at once", maxSlots)
}

// dropOthers removes what other attempts at the same have left, when one of them, which had its own slot, is done. They
// had theirs since that one's was still in use.
func (st *store) dropOthers(own, key, ext string, least match, fits func(name string, f *os.File) match) {
	for _, n := range st.slots[key+ext] {
		name := slotName(key, n)
		if name == own {
			continue
		}
		f, locked := st.lockSlot(name + ext)
		switch {
		case f == nil:
		case !locked || fits(name, f) < least:
			f.Close()
		default:
			st.removeLocked(name+ext, f)
			if ext == partExt {
				_ = st.state.Remove(name + journalExt)
			}
		}
	}
}

// journalInUse tells whether a journal is that of a file which has just got its name: it goes after that.
func (st *store) journalInUse(name string) bool {
	j, err := st.state.OpenFile(name+journalExt, os.O_RDWR|disk.OpenFlags, 0)
	if err != nil {
		return false
	}
	defer j.Close()
	return !disk.Lock(j)
}

// removeOrphans removes the journals of files that have their names. Their owner was killed before he could.
func (st *store) removeOrphans() {
	for name, ns := range st.slots {
		key, ok := strings.CutSuffix(name, journalExt)
		if !ok {
			continue
		}
		for _, n := range ns {
			base := slotName(key, n)
			if _, err := st.state.Lstat(base + partExt); errors.Is(err, fs.ErrNotExist) && !st.journalInUse(base) {
				st.removeUnowned(base)
			}
		}
	}
}

// removeUnowned removes a journal, while nobody can make the file that it would be about.
func (st *store) removeUnowned(base string) {
	f, err := st.state.OpenFile(base+partExt, os.O_RDWR|os.O_CREATE|os.O_EXCL|disk.OpenFlags, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if st.lockNew(f, base+partExt) && !st.journalInUse(base) {
		_ = st.state.Remove(base + journalExt)
		_ = st.state.Remove(base + partExt)
	}
}

// lockNew locks a file that was just made, and tells whether it still has its name.
func (st *store) lockNew(f *os.File, name string) bool {
	if !lockSoon(st.ctx, f) {
		return false
	}
	have, err := f.Stat()
	there, gone := st.state.Lstat(name)
	return err == nil && gone == nil && os.SameFile(have, there)
}

// lockSoon locks a file that nobody else uses. Somebody who looks for his own may have it for a moment.
func lockSoon(ctx context.Context, f *os.File) bool {
	for deadline := time.Now().Add(lockWait); ; pause(ctx, lockPoll/10) {
		if disk.Lock(f) {
			return true
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return false
		}
	}
}
