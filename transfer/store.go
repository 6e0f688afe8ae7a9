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

// The partial folder is in the target folder, and is removed when it is empty:
//
//	.p2ptool-partial/
//	    KEY.part      a file being received
//	    KEY.journal   which chunks of it are verified
//	    KEY.done      which files of an unfinished transfer are complete
//
// KEY is the head of a hash over the peer and the file's path, or the offered names. A transfer
// locks the files that it has open. While another transfer holds the lock, a transfer uses
// "KEY-1", and so on. Removing the folder loses only what could be resumed. Files that were not
// resumed for 14 days are removed.
//
// The content was verified when it arrived and is not read again, so nobody else may write there.
// A folder that belongs to another user, or that others may write to, is refused.
const (
	stateFolder = ".p2ptool-partial"
	partExt     = ".part"
	journalExt  = ".journal"
	doneExt     = ".done"
)

// A store is the target folder with its partial folder.
type store struct {
	ctx    context.Context // of the transfer; bounds waiting for locks
	root   *os.Root
	folder *disk.Folder // the partial folder; nil: there is none yet
	state  *os.Root     // the same folder
	peer   string
	slots  slots // as of when the folder was opened
}

// openStore opens the target folder dir, and its partial folder if there is one.
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

// openState opens the partial folder, if there is one.
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
		err = fs.ErrNotExist // it was replaced in the meantime
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

// makeState makes and opens the partial folder. Another transfer may remove it until it
// contains a file.
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
		_ = disk.Hide(st.root, stateFolder) // best effort
	}
	return st.openState()
}

func (st *store) closeState() {
	if st.folder != nil {
		st.folder.Close()
		st.folder, st.state = nil, nil
	}
}

// trust returns an error if others could have written to the partial folder. A new folder shows what is normal on
// disks without owners or permissions.
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

// freshFolder returns the metadata of a folder that it makes in the target folder and removes again.
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

// close closes the folders, and removes the partial folder if it is empty.
func (st *store) close() {
	if st.folder != nil {
		st.closeState()
		_ = st.root.Remove(stateFolder) // fails if it is not empty
	}
	st.root.Close()
}

// key returns the KEY for the peer and what.
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

// room returns an error if the disk is known to have too little room. A negative number
// means unknown.
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
