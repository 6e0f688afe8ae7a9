package transfer

import (
	"errors"
	"io"
	"os"

	"p2ptool/transfer/internal/disk"
)

// minScratch is the smallest size that gives a meaningful measurement.
const minScratch = 1 << 20

// A Scratch is a file of bounded size, to measure how fast a disk is. It is written and synced
// like received files, and read like sent files. Reads and writes wrap around at the end. Only
// one goroutine may use it.
//
// It has no name, so nothing remains when the process ends. If the disk supports no such files,
// its name begins with ".p2ptool-scratch-", and is removed at once or by Close.
type Scratch struct {
	f        *os.File
	name     string // Close removes it; empty: already removed
	limit    int64
	size     int64 // written so far
	at, from int64 // offsets of the next write and read
	dirty    int64
	flushed  int64
	flushing chan error // receives the result of the running sync; nil: none
}

// NewScratch makes a Scratch in the folder dir. It uses at most the given number of bytes, and at most half
// of the free space. The error matches ErrStorage.
func NewScratch(dir string, most int64) (*Scratch, error) {
	root, err := disk.OpenRoot(dir)
	if err != nil {
		return nil, storage(err)
	}
	defer root.Close()
	if free, _, ok := disk.Free(root); ok {
		most = min(most, free/2)
	}
	if most < minScratch {
		return nil, &Error{Kind: ErrStorage, Reason: "the disk is too full to measure it"}
	}
	s := &Scratch{limit: most}
	if s.f, err = disk.Unnamed(dir); errors.Is(err, errors.ErrUnsupported) {
		if s.f, err = os.CreateTemp(dir, ".p2ptool-scratch-*"); err == nil && os.Remove(s.f.Name()) != nil {
			s.name = s.f.Name()
		}
	}
	if err != nil {
		return nil, storage(err)
	}
	return s, nil
}

// Write appends b, or starts again at the beginning if b does not fit. From time to time it waits for the
// running sync and starts the next one.
func (s *Scratch) Write(b []byte) (int, error) {
	if s.at+int64(len(b)) > s.limit {
		s.at = 0
	}
	n, err := s.f.WriteAt(b[:min(int64(len(b)), s.limit)], s.at)
	s.at += int64(n)
	s.dirty += int64(n)
	s.size = max(s.size, s.at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err == nil && s.dirty >= min(max(s.flushed, minFlush), maxFlush) {
		err = s.wait()
		done := make(chan error, 1)
		s.flushed += s.dirty
		s.dirty, s.flushing = 0, done
		go func() { done <- disk.SyncData(s.f) }()
	}
	if err != nil {
		return n, storage(err)
	}
	return n, nil
}

func (s *Scratch) wait() (err error) {
	if s.flushing != nil {
		err = <-s.flushing
		s.flushing = nil
	}
	return err
}

// Sync makes everything written so far durable.
func (s *Scratch) Sync() error {
	if err := errors.Join(s.wait(), s.f.Sync()); err != nil {
		return storage(err)
	}
	s.dirty = 0
	return nil
}

// Forget drops the file from the system's cache, if supported, so that reads come from the
// disk.
func (s *Scratch) Forget() { disk.Forget(s.f) }

// Read continues reading, and starts again at the end. If nothing was written, it returns io.EOF.
func (s *Scratch) Read(b []byte) (int, error) {
	if s.from >= s.size {
		s.from = 0
	}
	n, err := s.f.ReadAt(b[:min(int64(len(b)), s.size-s.from)], s.from)
	s.from += int64(n)
	switch {
	case n > 0:
		return n, nil
	case err == nil || err == io.EOF:
		return 0, io.EOF
	}
	return 0, storage(err)
}

// Close waits for the running sync and removes the file. It may be called twice.
func (s *Scratch) Close() error {
	s.wait() // ignore the error: the data is removed anyway
	s.f.Close()
	if s.name == "" {
		return nil
	}
	name := s.name
	s.name = ""
	return os.Remove(name)
}
