package transfer

import (
	"io"
	"os"
)

const (
	// smallFile is the size up to which files are read whole, several at a time.
	smallFile = chunkSize
	// readAtOnce is how many small files are read at a time: on a network disk,
	// opening a file may take a round trip.
	readAtOnce = 8
)

// feedSmall queues a small file. It is read while the files before it are written.
func (s *sender) feedSmall(root *sourceRoot, o *outgoing) error {
	buf, err := s.buffer()
	if err != nil {
		return nil // the session has ended
	}
	j := &job{kind: jobSmall, o: o, buf: buf, ready: make(chan struct{})}
	var folder *sourceFolder
	bad := withFiles(s.ctx, func() (err error) { folder, err = root.folder(o); return err })
	if bad != nil {
		j.bad = bad
		close(j.ready)
		return s.queue(j)
	}
	select {
	case s.reads <- smallRead{j, folder}:
	case <-s.ctx.Done():
		folder.drop()
		return nil
	}
	return s.queue(j)
}

// A smallRead is a small file to read.
type smallRead struct {
	j      *job
	folder *sourceFolder
}

// smallLoop reads small files. Several run at a time.
func (s *sender) smallLoop() error {
	for {
		select {
		case r := <-s.reads:
			r.j.bad = withFiles(s.ctx, func() error { r.j.read(r.folder); return r.j.bad })
			r.folder.drop()
			close(r.j.ready)
		case <-s.ctx.Done():
			return nil
		}
	}
}

// read reads and hashes a whole file.
func (j *job) read(folder *sourceFolder) {
	f, err := folder.open(j.o)
	if err != nil {
		j.bad = err
		return
	}
	defer f.Close()
	j.n = int(j.o.state.size)
	if j.bad = readWhole(f, j.buf[headroom:], j.n); j.bad != nil {
		return
	}
	j.node = hashChunk(j.buf[headroom:headroom+j.n], 0)
	j.bad = j.o.state.check(f)
}

// readWhole reads a file of n bytes and checks that there are no more: the size that the system reports may
// be wrong.
func readWhole(f *os.File, b []byte, n int) error {
	m, err := f.ReadAt(b[:min(n+1, len(b))], 0)
	switch {
	case m > n, m < n && err == io.EOF:
		return ErrChanged
	case m < n:
		return err
	case err == nil: // b had no room for more
		return readBeyond(f, int64(n))
	case err != io.EOF:
		return err
	}
	return nil
}
