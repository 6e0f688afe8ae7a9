package transfer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
// has a file there open holds a lock on it; while another transfer does, "KEY-1" is
// used, and so on. Removing the folder loses what could be resumed, and nothing else. What nobody
// went on with for 14 days is removed.
//
// What is in it was verified when it came and is not read again, so nobody else may write there: a
// folder that belongs to another user, or that others may write to, is refused.
const (
	stateFolder = ".p2ptool-partial"
	partExt     = ".part"
	journalExt  = ".journal"
	doneExt     = ".done"
)

// A store is the target folder with its state.
type store struct {
	ctx    context.Context // of the transfer; ends the waiting for locks
	root   *os.Root
	folder *disk.Folder // of the state; nil: there is none yet
	state  *os.Root     // the same
	peer   string
	slots  slots // that were there when the folder was opened
}

// openStore opens the target folder dir. Its state folder is made with the first file in it.
func openStore(ctx context.Context, dir, peer string) (*store, error) {
	root, err := disk.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	st := &store{ctx: ctx, root: root, peer: peer}
	if err := st.openState(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		root.Close()
		return nil, err
	}
	return st, nil
}

// openState opens the state folder, if there is one.
func (st *store) openState() error {
	fi, err := st.root.Lstat(stateFolder)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return st.untrusted("is not a folder")
	}
	folder, err := disk.OpenFolder(st.root, stateFolder)
	if err != nil {
		return err
	}
	now, err := folder.Stat()
	if err == nil && !sameFile(now, fi) {
		err = fs.ErrNotExist // it was replaced meanwhile
	}
	if err == nil {
		err = st.trust(now)
	}
	if err != nil {
		folder.Close()
		return err
	}
	st.folder, st.state = folder, folder.Root()
	st.slots = readSlots(st.state)
	return nil
}

// makeState makes and opens the state folder. It may be removed by another transfer
// until there is a file in it.
func (st *store) makeState() error {
	st.closeState()
	err := st.root.Mkdir(stateFolder, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Kind: ErrStorage, Reason: fmt.Sprintf("%q was removed", filepath.Clean(st.root.Name())), Resumable: true}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err == nil {
		_ = disk.Hide(st.root, stateFolder) // its name hides it from who looks for what to use
	}
	return st.openState()
}

func (st *store) closeState() {
	if st.folder != nil {
		st.folder.Close()
		st.folder, st.state = nil, nil
	}
}

// trust returns an error if others could have written to the state folder. On a disk that knows no owners
// or no permissions any new folder would look like that.
func (st *store) trust(fi fs.FileInfo) error {
	const others = 0o022
	if disk.Owned(fi) && fi.Mode().Perm()&others == 0 {
		return nil
	}
	fresh, err := st.freshFolder()
	if err != nil {
		return err
	}
	if !disk.Owned(fi) && (disk.Owned(fresh) || !disk.SameOwner(fi, fresh)) {
		return st.untrusted("belongs to another user")
	}
	if fi.Mode().Perm()&others&^fresh.Mode().Perm() != 0 {
		return st.untrusted("is writable by other users")
	}
	return nil
}

// freshFolder returns what a folder looks like that is made here now.
func (st *store) freshFolder() (fs.FileInfo, error) {
	name := fmt.Sprintf("%s-%x", stateFolder, randomID())
	if err := st.root.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	fi, err := st.root.Lstat(name)
	return fi, errors.Join(err, st.root.Remove(name))
}

func (st *store) untrusted(why string) error {
	reason := fmt.Sprintf("%q %s: remove it, or receive into another folder", filepath.Join(st.root.Name(), stateFolder), why)
	return &Error{Kind: ErrStorage, Reason: reason, Resumable: true}
}

// close closes the folders, and removes that of the state if it is empty.
func (st *store) close() {
	if st.folder != nil {
		st.closeState()
		_ = st.root.Remove(stateFolder) // fails where something is in it
	}
	st.root.Close()
}

// key names what belongs to the peer and to what.
func (st *store) key(what []byte) string {
	h := blake3.New(16, nil)
	fmt.Fprintf(h, "%d:%s", len(st.peer), st.peer)
	h.Write(what)
	return hex.EncodeToString(h.Sum(nil))
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
