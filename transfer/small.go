package transfer

import (
	"errors"
	"io/fs"
	"path"

	"p2ptool/transfer/internal/disk"
)

// A small file, of one chunk at most, is not worth resuming. Where the system has
// files without names, it is written to one, which is gone with this process: no
// lock, no journal, and its name is the only one it ever gets. Several are made at a time,
// since each may be a round trip to another machine.
const (
	smallAtOnce  = 8
	smallInPlace = 16 << 10 // chunks up to this size are hashed where they are read
)

// A nameless is a small file that is being received.
type nameless struct {
	folder *targetFolder
	file   *disk.Nameless
	inode  uint64
	mtime  stamp // as the disk keeps it
}

// isSmall reports whether in is such a file. Where a name may be replaced a file has to
// have another one before; and what is left of it from when it was larger has to go.
func (r *receiver) isSmall(in *incoming) bool {
	if r.st == nil || in.m.what != entryFile || in.total > 1 || r.o.Conflict == Overwrite {
		return false
	}
	if r.leftovers {
		return !r.st.slots.has(r.st.key([]byte(in.m.path)), partExt)
	}
	return true
}

// startSmall writes the chunk in buf, n bytes long, to a nameless file, and gives buf
// back. settle waits for it.
func (r *receiver) startSmall(in *incoming, buf []byte, n int) {
	r.acquireFile(in)
	in.writing = make(chan error, 1)
	w := smallWrite{in, buf, n}
	select {
	case r.writes <- w:
	case <-r.ctx.Done():
		w.do(r)
	}
}

// A smallWrite is what startSmall begins.
type smallWrite struct {
	in  *incoming
	buf []byte // nil: the file is empty
	n   int
}

// smallLoop writes small files, beside others of its kind.
func (r *receiver) smallLoop() error {
	for {
		select {
		case w := <-r.writes:
			w.do(r)
		case <-r.ctx.Done():
			return nil
		}
	}
}

func (w smallWrite) data() []byte {
	if w.buf == nil {
		return nil
	}
	return w.buf[headroom : headroom+w.n]
}

func (w smallWrite) do(r *receiver) {
	err := r.writeSmall(w.in, w.data())
	if disk.OutOfFiles(err) {
		w.in.starved = &w
		err = nil
	}
	w.in.writing <- err
	if w.buf != nil && w.in.starved == nil {
		r.release(w.buf)
	}
}

// settle waits for what startSmall began.
func (in *incoming) settle() {
	if in.writing != nil {
		in.err = errors.Join(in.err, <-in.writing)
		in.writing = nil
	}
}

func (r *receiver) writeSmall(in *incoming, data []byte) error {
	if r.named.Load() {
		return r.writeNamed(in, data)
	}
	folder, err := r.targetFolder(path.Dir(in.local))
	if err != nil {
		return err
	}
	file, err := folder.NewNameless()
	if err != nil {
		r.folders.forget(folder)
		if errors.Is(err, errors.ErrUnsupported) {
			r.named.Store(true)
			return r.writeNamed(in, data)
		}
		return err
	}
	in.tmp = &nameless{folder: folder, file: file}
	if _, err := file.WriteAt(data, 0); err != nil {
		return err
	}
	file.Dress(folder.Allowed(fs.FileMode(in.m.mode)), in.m.mtime.time())
	inode, mtime, err := file.State()
	in.tmp.inode, in.tmp.mtime = inode, stampOf(mtime)
	return err
}

// writeNamed writes to a partial file, where there are no others.
func (r *receiver) writeNamed(in *incoming, data []byte) error {
	in.key = r.st.key([]byte(in.m.path))
	if err := r.open(in); err != nil || len(data) == 0 {
		return err
	}
	_, err := in.p.f.WriteAt(data, 0)
	return err
}

// dropTmp closes the nameless file of an entry, if it has one.
func (r *receiver) dropTmp(in *incoming) {
	r.releaseStarved(in)
	if in.tmp != nil {
		in.tmp.file.Close()
		r.folders.drop(in.tmp.folder)
		in.tmp = nil
	}
}
