package transfer

import (
	"errors"
	"io/fs"
	"path"

	"p2ptool/transfer/internal/disk"
)

// A small file, of at most one chunk, is not worth resuming. If the system supports files
// without names, it is written to one, which disappears with this process. It needs no lock
// and no journal, and gets only its final name. Several are made at a time, because on a
// network disk each may take a round trip.
const (
	smallAtOnce  = 8
	smallInPlace = 16 << 10 // chunks up to this size are hashed by readLoop
)

// A nameless is a small file that is being received.
type nameless struct {
	folder *targetFolder
	file   *disk.Nameless
	inode  uint64
	mtime  stamp // as the disk keeps it
}

// isSmall reports whether in can be written to a nameless file. It cannot if it may replace
// a file, because a rename needs an old name. It also cannot if there is a partial file from
// when it was larger, because that must be removed.
func (r *receiver) isSmall(in *incoming) bool {
	if r.st == nil || in.m.what != entryFile || in.total > 1 || r.o.Conflict == Overwrite {
		return false
	}
	if r.leftovers {
		return !r.st.slots.has(r.st.key([]byte(in.m.path)), partExt)
	}
	return true
}

// startSmall starts to write the chunk in buf, n bytes long, to a nameless file. The write
// releases buf. settle waits for it.
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

// A smallWrite is a write that startSmall started.
type smallWrite struct {
	in  *incoming
	buf []byte // nil: the file is empty
	n   int
}

// smallLoop writes small files. Several run at a time.
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

// settle waits for the write that startSmall started.
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

// writeNamed writes to a partial file, as nameless files are not supported.
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
