package transfer

import (
	"errors"
	"io"
	"os"

	"p2ptool/transfer/internal/disk"
)

// minScratch is the least that says something of a disk.
const minScratch = 1 << 20

// A Scratch is a file of bounded size, to find out how fast a disk is. It is written and synced
// as received files are, and read as sent ones are, from its beginning again when it
// ends. One goroutine uses it.
//
// It has no name, so nothing is left of it however the process ends. Where a file has to have
// one, that begins with ".p2ptool-scratch-", and goes at once or with Close.
type Scratch struct {
	f        *os.File
	name     string // to be removed with Close; empty: it is gone
	limit    int64
	size     int64 // that was written
	at, from int64 // where is written and read next
	dirty    int64
	flushed  int64
	flushing chan error // gets the result of the sync that runs; nil if none does
}

// NewScratch makes a Scratch in a folder, of at most so many bytes, and of no more than half of what is
// free. The error matches ErrStorage.
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

// Write writes b behind what was written before. Every so often it begins a sync, and waits for the one
// before.
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

// Sync makes all that was written last.
func (s *Scratch) Sync() error {
	if err := errors.Join(s.wait(), s.f.Sync()); err != nil {
		return storage(err)
	}
	s.dirty = 0
	return nil
}

// Forget has the system forget what it remembers of the file, where it can, so that reading it means
// the disk.
func (s *Scratch) Forget() { disk.Forget(s.f) }

// Read reads on, from the beginning again behind the end. Of nothing it reads io.EOF.
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

// Close waits for a sync that runs, and removes the file. Twice is fine.
func (s *Scratch) Close() error {
	s.wait() // of what is removed anyway
	s.f.Close()
	if s.name == "" {
		return nil
	}
	name := s.name
	s.name = ""
	return os.Remove(name)
}
