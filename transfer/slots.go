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

	yieldWait = time.Minute // for an attempt that yields: it may have much to sync before
	maxState  = 1 << 20     // files in the state folder that are looked at
)

// A match says how well what is in a slot fits a transfer.
type match int

const (
	otherMatch match = iota // it belongs to another transfer
	freeMatch               // it is of no use to any transfer
	likeMatch               // it is of the same source, though maybe of another state of it
	sameMatch               // it is of the same transfer, or of the same state
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

// anyOf reports whether there is a file of that extension, whatever its key.
func (s slots) anyOf(ext string) bool {
	for name := range s {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

func (s slots) has(key, ext string) bool { return len(s[key+ext]) > 0 }

// A slotWanted says which slot a transfer looks for.
type slotWanted struct {
	key, ext string
	worth    match // from which on one in use is waited for
	fits     func(name string, f *os.File) match
	claim    func(f *os.File, how match) (yields bool) // asks the user of one for it; nil: it is only waited for
}

// A usage says why a slot that fits cannot be had.
type usage int

const (
	notUsed usage = iota
	used
	yielded // it is about to be free
)

// openLocked opens the file that fits best and that nobody uses, or makes one, and locks it. It returns
// the name without the extension. One that is worth it and is in use is waited for.
func (st *store) openLocked(want slotWanted) (*os.File, string, error) {
	for begun := time.Now(); ; pause(st.ctx, lockPoll) {
		f, name, busy := st.bestSlot(want)
		if f != nil {
			return f, name, nil
		}
		patience := lockWait
		if busy == yielded {
			patience = yieldWait
		}
		if busy == notUsed || time.Since(begun) > patience || st.ctx.Err() != nil {
			return st.newSlot(want.key, want.ext)
		}
	}
}

// bestSlot locks the slot that fits best. Where a better one is in use, it returns none.
func (st *store) bestSlot(want slotWanted) (best *os.File, bestName string, busy usage) {
	how, usedHow := otherMatch, otherMatch
	for _, n := range st.slots[want.key+want.ext] {
		name := slotName(want.key, n)
		f, locked := st.lockSlot(name + want.ext)
		if f == nil {
			continue
		}
		m := want.fits(name, f)
		switch {
		case !locked && m >= want.worth:
			usedHow = max(usedHow, m)
			busy = max(busy, want.use(f, m))
		case !locked || m <= how:
		case want.ext == partExt && st.journalInUse(name):
			// The file before this one has just got its name, and its journal goes next. Whoever made this one
			// is about to find that out, too.
		default:
			best, f = f, best
			bestName, how = name, m
		}
		if f != nil {
			f.Close()
		}
	}
	if usedHow > how && best != nil {
		best.Close()
		best = nil
	}
	return best, bestName, busy
}

// use claims a slot that another transfer has.
func (w slotWanted) use(f *os.File, how match) usage {
	if w.claim != nil && w.claim(f, how) {
		return yielded
	}
	return used
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
func (st *store) dropOthers(own, key, ext string, least match, fits func(name string, f *os.File) match) error {
	return st.eachOther(own, key, ext, least, fits, func(string, *os.File) error { return nil })
}

// eachOther calls do for each other slot that fits at least so well and that nobody uses, and removes it
// unless do fails.
func (st *store) eachOther(own, key, ext string, least match, fits func(name string, f *os.File) match, do func(name string, f *os.File) error) error {
	for _, n := range st.slots[key+ext] {
		name := slotName(key, n)
		if name == own {
			continue
		}
		f, locked := st.lockSlot(name + ext)
		if f == nil {
			continue
		}
		if !locked || fits(name, f) < least {
			f.Close()
			continue
		}
		if err := do(name, f); err != nil {
			f.Close()
			return err
		}
		st.removeLocked(name+ext, f)
		if ext == partExt {
			_ = st.state.Remove(name + journalExt)
		}
	}
	return nil
}

// journalInUse reports whether a journal is that of a file which has just got its name: it goes after that.
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

// lockNew locks a file that was just made, and reports whether it still has its name.
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
