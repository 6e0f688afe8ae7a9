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

// Several transfers may use the same names at once. Each uses a slot of the key: a file of its own, which it
// locks. A resumed transfer looks for the slot of the earlier attempt.
const (
	maxSlots = 1 << 16
	lockWait = 3 * time.Second // for an attempt that is about to end because its link broke
	lockPoll = 50 * time.Millisecond

	yieldWait = time.Minute // for an attempt that yields: it may have much to sync first
	maxState  = 1 << 20     // files that are listed in the partial folder
)

// A match says how well the content of a slot matches a transfer.
type match int

const (
	otherMatch match = iota // belongs to another transfer
	freeMatch               // of no use to any transfer
	likeMatch               // of the same source, but maybe of another state of it
	sameMatch               // of the same transfer, or of the same state of the source
)

// slots lists the numbers of existing slots by key and extension.
type slots map[string][]int

// slotName returns the name of a slot without extension.
func slotName(key string, n int) string {
	if n == 0 {
		return key
	}
	return key + "-" + strconv.Itoa(n)
}

// readSlots lists the existing slots. It ignores errors.
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

// anyOf reports whether there is a file with the extension, with any key.
func (s slots) anyOf(ext string) bool {
	for name := range s {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

func (s slots) has(key, ext string) bool { return len(s[key+ext]) > 0 }

// A slotWanted describes the slot that a transfer looks for.
type slotWanted struct {
	key, ext string
	worth    match // wait for a slot in use if it matches at least this well
	fits     func(name string, f *os.File) match
	claim    func(f *os.File, how match) (yields bool) // claims a slot in use; nil: only wait for it
}

// A usage says whether a matching slot is in use.
type usage int

const (
	notUsed usage = iota
	used
	yielded // in use, but about to be free
)

// openLocked opens and locks the unused slot that matches best, or makes one. It returns the name without
// the extension. It waits for a slot in use that matches well enough.
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

// bestSlot locks the unused slot that matches best. If a better one is in use, it returns none.
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
			// The previous file of this slot was just renamed, and its journal is about to be removed. The transfer
			// that made this file will find that out, too.
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

// use claims a slot that another transfer uses.
func (w slotWanted) use(f *os.File, how match) usage {
	if w.claim != nil && w.claim(f, how) {
		return yielded
	}
	return used
}

// lockSlot opens the file of a slot, and locks it if nobody else has. It returns no file if it is gone. It removes
// a file that has another hard link, because others could write to it through that.
func (st *store) lockSlot(name string) (f *os.File, locked bool) {
	const flags = os.O_RDWR | disk.OpenFlags
	f, err := st.state.OpenFile(name, flags, 0)
	if errors.Is(err, fs.ErrPermission) && st.state.Chmod(name, 0o600) == nil {
		f, err = st.state.OpenFile(name, flags, 0) // it already had its final mode
	}
	if err != nil {
		return nil, false
	}
	if !disk.Lock(f) {
		return f, false
	}
	have, err := f.Stat()
	if err == nil {
		// The previous owner may have renamed or removed it before it released the lock.
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

// newSlot makes and locks a file in the first free slot.
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

// dropOthers removes what other attempts at the same thing have left, when one of them is done. Each had its own slot,
// because the others' were still in use.
func (st *store) dropOthers(own, key, ext string, least match, fits func(name string, f *os.File) match) error {
	return st.eachOther(own, key, ext, least, fits, func(string, *os.File) error { return nil })
}

// eachOther calls do for each other unused slot that matches at least as well as least, and removes it unless
// do fails.
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

// journalInUse reports whether a journal is locked. After its file was renamed, a journal stays locked until it is
// removed.
func (st *store) journalInUse(name string) bool {
	j, err := st.state.OpenFile(name+journalExt, os.O_RDWR|disk.OpenFlags, 0)
	if err != nil {
		return false
	}
	defer j.Close()
	return !disk.Lock(j)
}

// removeOrphans removes the journals of files that were renamed, if the process was killed before it could.
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

// removeUnowned removes a journal, while it keeps others from making the partial file with that name.
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

// lockNew locks a new file, and reports whether it still has its name.
func (st *store) lockNew(f *os.File, name string) bool {
	if !lockSoon(st.ctx, f) {
		return false
	}
	have, err := f.Stat()
	there, gone := st.state.Lstat(name)
	return err == nil && gone == nil && os.SameFile(have, there)
}

// lockSoon locks a file that nobody else uses. It retries, as another transfer that searches for its slot may hold the
// lock briefly.
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
