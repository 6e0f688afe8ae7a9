package transfer

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"lukechampine.com/blake3"

	"p2ptool/transfer/internal/disk"
)

// A sourceFolder is a folder from which files are read. It is closed when its last holder drops it.
type sourceFolder struct {
	dir, rel string // the folder is rel below dir
	root     *os.Root
	holders  atomic.Int32
}

func (f *sourceFolder) hold() *sourceFolder {
	f.holders.Add(1)
	return f
}

func (f *sourceFolder) drop() {
	if f.holders.Add(-1) == 0 {
		f.root.Close()
	}
}

// A sourceRoot keeps the last used folder open, because the next file is usually in the same
// folder.
type sourceRoot struct{ last *sourceFolder }

// folder returns the folder of a file. The caller must drop it.
func (r *sourceRoot) folder(o *outgoing) (*sourceFolder, error) {
	rel := filepath.Dir(o.rel)
	if f := r.last; f != nil && f.dir == o.top.dir && f.rel == rel {
		return f.hold(), nil
	}
	root, err := disk.OpenRoot(o.top.dir)
	if err != nil {
		return nil, err
	}
	if rel != "." {
		sub, err := disk.OpenSubRoot(root, rel)
		root.Close()
		if err != nil {
			return nil, err
		}
		root = sub
	}
	r.close()
	r.last = (&sourceFolder{dir: o.top.dir, rel: rel, root: root}).hold()
	return r.last.hold(), nil
}

func (r *sourceRoot) close() {
	if r.last != nil {
		r.last.drop()
		r.last = nil
	}
}

// openToRead opens for reading, and does not block on a pipe or device.
const openToRead = os.O_RDONLY | disk.OpenFlags

// readNow reads a file without waiting for more data.
type readNow struct{ f *os.File }

func (r readNow) Read(b []byte) (int, error) { return disk.ReadNow(r.f, b) }

// open opens a file of the source, unless it changed since it was announced.
func (r *sourceRoot) open(o *outgoing) (*os.File, error) {
	f, err := r.folder(o)
	if err != nil {
		return nil, err
	}
	defer f.drop()
	return f.open(o)
}

func (f *sourceFolder) open(o *outgoing) (*os.File, error) {
	file, err := f.root.OpenFile(filepath.Base(o.rel), openToRead, 0)
	if err != nil {
		return nil, err
	}
	if err := o.state.check(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// A sourceState is the metadata that changes when a file changes.
type sourceState struct {
	size         int64
	mtime, ctime stamp
	inode        uint64
}

func stateOf(fi fs.FileInfo) sourceState {
	return sourceState{fi.Size(), stampOf(fi.ModTime()), stampOf(disk.ChangeTime(fi)), disk.Inode(fi)}
}

// check returns ErrChanged if f has changed.
func (s sourceState) check(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || stateOf(fi) != s {
		return ErrChanged
	}
	return nil
}

// tag identifies the state to the receiver without revealing it. If the system has change
// times or inodes, the tag differs even if the size and modification time are unchanged.
func (s sourceState) tag() [16]byte {
	b := put64([]byte("p2ptool source 2"), s.size, int64(s.inode))
	sum := blake3.Sum256(putStamp(putStamp(b, s.mtime), s.ctime))
	return [16]byte(sum[:16])
}
