package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"p2ptool/transfer/internal/disk"
)

// A folder is one whose entry was planned, but not its end.
type folder struct {
	local  string
	mtime  time.Time
	ours   bool        // this transfer made it
	opened fs.FileMode // permissions that its owner gets only until its end
}

// A leave is a folder whose entries were all planned. It is closed once they are finished.
type leave struct {
	folder
	after uint32 // close when all entries below this number are finished
}

// close removes the permissions that the folder had only so that files could be written to it. If this
// transfer made the folder, it sets the modification time. The disk may support neither.
func (f folder) close(root *os.Root) {
	if fi, err := root.Lstat(f.local); err == nil && fi.IsDir() && f.opened != 0 {
		_ = root.Chmod(f.local, chmodBits(fi)&^f.opened)
	}
	if f.ours {
		_ = disk.SetTime(root, f.local, f.mtime)
	}
}

// chmodBits returns the mode bits that Chmod would clear unless they are passed to it.
func chmodBits(fi fs.FileInfo) fs.FileMode {
	return fi.Mode() & (fs.ModePerm | fs.ModeSetgid | fs.ModeSetuid | fs.ModeSticky)
}

// folder makes a folder. If that fails, it reports the error, and the files in it fail on their own.
func (p *planner) folder(in *incoming, bad error) error {
	f := folder{local: in.local, mtime: in.m.mtime.time()}
	if bad == nil {
		bad = withFiles(p.ctx, func() error { return p.makeFolder(in, &f) })
	}
	p.open = append(p.open, f)
	if bad == nil && p.countMade() > maxMade {
		bad = p.syncMade()
	}
	if bad != nil {
		return p.failOr(in, bad)
	}
	p.finishEntry(in, &resultMsg{n: in.m.n})
	return nil
}

// makeFolder makes a folder, or makes an existing one writable.
func (p *planner) makeFolder(in *incoming, f *folder) error {
	root, mode := p.st.root, fs.FileMode(in.m.mode)
	err := root.Mkdir(f.local, mode|0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = root.MkdirAll(path.Dir(f.local), 0o777); err == nil {
			err = root.Mkdir(f.local, mode|0o700)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	made := err == nil || f.ours // f.ours: by an earlier call that ran out of descriptors
	f.ours = made
	fi, err := root.Stat(f.local)
	if err != nil {
		return err
	}
	if !fi.IsDir() || disk.Inode(fi) != 0 && p.isState(fi) {
		return errors.New("its name is taken by something else")
	}
	if made {
		if err := p.may.name(1); err != nil {
			return err
		}
		p.madeIn(path.Dir(f.local))
		f.opened = 0o700 &^ mode
		return p.batch.add(record{size: folderMade, inode: disk.Inode(fi), path: in.m.path})
	}
	return p.reopen(in, f, fi)
}

// reopen makes an existing folder writable if an earlier attempt at this transfer made it, or if the sender's
// folder is as read-only, since then it probably was received from there. It leaves any other folder as it is.
func (p *planner) reopen(in *incoming, f *folder, fi fs.FileInfo) error {
	recorded := func(size int64) bool {
		_, ok := p.batch.find(in.m.path, func(r record) bool { return r.size == size && r.inode == disk.Inode(fi) })
		return ok
	}
	mode, closed := fs.FileMode(in.m.mode), fi.Mode().Perm()&0o300 != 0o300
	switch {
	case recorded(folderMade):
		f.ours, f.opened = true, 0o700&^mode
	case recorded(folderOpened):
		f.opened = 0o700 &^ mode
	case closed && disk.Owned(fi) && fi.Mode().Perm()&0o700 == mode&0o700:
		f.opened = 0o700 &^ mode
		if err := p.batch.add(record{size: folderOpened, inode: disk.Inode(fi), path: in.m.path}); err != nil {
			return err
		}
	}
	if !f.ours && f.opened != 0 {
		p.noteOpened(f.local, *f)
	}
	if closed && f.opened != 0 {
		_ = p.st.root.Chmod(f.local, chmodBits(fi)|0o700) // if it fails, the files in it report why
	}
	return nil
}

// noteOpened remembers a folder that must be closed again, however the transfer ends.
func (r *receiver) noteOpened(local string, f folder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened == nil {
		r.opened = make(map[string]folder)
	}
	r.opened[local] = f
}

// closeOpened closes the folders that were still writable when the transfer ended.
func (r *receiver) closeOpened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.opened {
		f.close(r.st.root)
	}
	r.opened = nil
}
