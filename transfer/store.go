package transfer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"lukechampine.com/blake3"

	"p2ptool/transfer/internal/disk"
)

// The state folder is in the target folder, and is removed when nothing is in it:
//
//	.p2ptool-partial/
//	    KEY.part      a file being received
//	    KEY.journal   which chunks of it are there
//	    KEY.done      which files of an unfinished transfer are
//
// KEY is the head of a hash over the peer and the file's path, or the names offered. Whoever
// has a file there open holds a lock on it; if another attempt does, "KEY-1" is
// used, and so on. Removing the folder loses what could be resumed, and nothing else.
const (
	stateFolder = ".p2ptool-partial"
	partExt     = ".part"
	journalExt  = ".journal"
	doneExt     = ".done"

	maxSlots = 8               // attempts at once at one file
	lockWait = 3 * time.Second // for an attempt that is about to end, as its link broke
)

// A store is the target folder with its state.
type store struct {
	ctx   context.Context // of the transfer; ends the waiting for locks
	root  *os.Root
	state *os.Root
	info  fs.FileInfo // of the state folder
	peer  string
}

// openStore opens the target folder dir. Its state folder is made with the first file in it.
func openStore(ctx context.Context, dir, peer string) (*store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &store{ctx: ctx, root: root, peer: peer}, nil
}

// openState makes and opens the state folder. It may be removed by another transfer
// until there is a file in it.
func (st *store) openState() error {
	if err := st.root.Mkdir(stateFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := st.root.Lstat(stateFolder)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("%s is not a folder", stateFolder)
	}
	if st.state, err = st.root.OpenRoot(stateFolder); err != nil {
		return err
	}
	st.info, err = st.state.Lstat(".")
	return err
}

// close closes the folders, and removes that of the state if it is empty.
func (st *store) close() {
	if st.state != nil {
		st.state.Close()
		_ = st.root.Remove(stateFolder) // fails where something is in it
	}
	st.root.Close()
}

// hasPartials tells whether there is a partial file of any transfer.
func (st *store) hasPartials() bool {
	f, err := st.state.Open(".")
	if err != nil {
		return true
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(128)
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, partExt) }) {
			return true
		}
		if err != nil {
			return err != io.EOF
		}
	}
}

// key names what belongs to the peer and to what.
func (st *store) key(what []byte) string {
	h := blake3.New(16, nil)
	fmt.Fprintf(h, "%d:%s", len(st.peer), st.peer)
	h.Write(what)
	return hex.EncodeToString(h.Sum(nil))
}

// openLocked opens or makes the file of a key and locks it. It returns its name
// without the extension.
func (st *store) openLocked(key, ext string) (*os.File, string, error) {
	deadline := time.Now().Add(lockWait)
	for slot := 0; slot < maxSlots; slot++ {
		name := key
		if slot > 0 {
			name = fmt.Sprintf("%s-%d", key, slot)
		}
		for {
			f, err := st.tryLocked(name + ext)
			if f != nil || err != nil {
				return f, name, err
			}
			if slot > 0 || time.Now().After(deadline) || st.ctx.Err() != nil {
				break
			}
			pause(st.ctx, 50*time.Millisecond)
		}
	}
	return nil, "", errors.New("too many attempts at this file at once")
}

// tryLocked returns no file if it is locked or gone.
func (st *store) tryLocked(name string) (*os.File, error) {
	f, err := st.openState600(name)
	if err != nil {
		return nil, err
	}
	if !disk.Lock(f) {
		f.Close()
		return nil, nil
	}
	have, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	// Its owner may have renamed or removed it before the lock was free.
	there, err := st.state.Lstat(name)
	if err == nil && !there.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s in %s is not a file", name, stateFolder)
	}
	if err != nil || !os.SameFile(have, there) {
		f.Close()
		return nil, nil
	}
	return f, nil
}

func (st *store) openState600(name string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE | disk.OpenFlags
	f, err := st.state.OpenFile(name, flags, 0o600)
	if errors.Is(err, fs.ErrPermission) && st.state.Chmod(name, 0o600) == nil {
		return st.state.OpenFile(name, flags, 0o600) // it had its final mode already
	}
	return f, err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// room returns an error if the disk is known to have no room for so much more. Less than
// nothing is not known.
func (st *store) room(bytes, files int64) error {
	haveBytes, haveFiles, ok := disk.Free(st.root)
	switch {
	case !ok:
		return nil
	case bytes > haveBytes:
		return &Error{Kind: ErrStorage, Resumable: true, Reason: fmt.Sprintf("disk full: %d bytes are needed, %d are free", bytes, haveBytes)}
	case files > haveFiles:
		return &Error{Kind: ErrStorage, Resumable: true, Reason: fmt.Sprintf("disk full: %d files are to be made, %d can be", files, haveFiles)}
	}
	return nil
}
