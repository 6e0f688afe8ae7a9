package transfer

import (
	"errors"
	"io/fs"
	"path"
	"sync"

	"p2ptool/transfer/internal/disk"
)

// A targetFolder is a folder in which received files are placed.
type targetFolder struct {
	*disk.Folder
	dir   string
	users int // guarded by targetFolders.mu
}

// targetFolders holds the folders in use, and the one that was opened last, because the next
// file usually goes to the same folder.
type targetFolders struct {
	mu    sync.Mutex
	byDir map[string]*targetFolder
	last  *targetFolder
}

// targetFolder opens a folder below the target folder. The caller must drop it. If the folder
// does not exist, because its entry did not arrive, it makes it. It refuses the partial
// folder, by whatever name it is reached.
func (r *receiver) targetFolder(dir string) (*targetFolder, error) {
	o := &r.folders
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.byDir[dir]
	if f == nil {
		if err := r.checkFolder(dir); err != nil {
			return nil, err
		}
		opened, err := disk.OpenFolder(r.st.root, dir)
		if err != nil {
			return nil, err
		}
		f = &targetFolder{Folder: opened, dir: dir}
		if o.byDir == nil {
			o.byDir = make(map[string]*targetFolder)
		}
		o.byDir[dir] = f
	}
	f.users++
	if last := o.last; last != f {
		o.last = f
		o.closeUnusedLocked(last)
	}
	return f, nil
}

// folderFor is targetFolder for the folder of a file. It waits for descriptors.
func (r *receiver) folderFor(local string) (f *targetFolder, err error) {
	err = withFiles(r.ctx, func() error { f, err = r.targetFolder(path.Dir(local)); return err })
	return f, err
}

// drop ends one use of f.
func (o *targetFolders) drop(f *targetFolder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.users--
	o.closeUnusedLocked(f)
}

// forget is drop for a folder that could not be used. It is opened again next time.
func (o *targetFolders) forget(f *targetFolder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.users--
	if o.last == f {
		o.last = nil
	}
	o.closeUnusedLocked(f)
}

func (o *targetFolders) closeUnusedLocked(f *targetFolder) {
	if f == nil || f.users > 0 || o.last == f {
		return
	}
	f.Close()
	if o.byDir[f.dir] == f {
		delete(o.byDir, f.dir)
	}
}

// close closes the folder that was opened last. All users must have dropped theirs.
func (o *targetFolders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.last
	o.last = nil
	o.closeUnusedLocked(last)
}

// checkFolder makes a folder if it does not exist, and refuses the partial folder.
func (r *receiver) checkFolder(dir string) error {
	if dir == "." {
		return nil
	}
	fi, err := r.st.root.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.st.root.MkdirAll(dir, 0o777); err == nil {
			r.madeIn(path.Dir(dir))
			fi, err = r.st.root.Stat(dir)
		}
	}
	if err == nil && (!fi.IsDir() || r.isState(fi)) {
		return errors.New("its name is taken by something else")
	}
	return err
}

func (r *receiver) isState(fi fs.FileInfo) bool {
	now, err := r.st.state.Stat(".")
	return err != nil || sameFile(now, fi)
}
