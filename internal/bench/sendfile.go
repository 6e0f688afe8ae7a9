package bench

import (
	"context"
	"io"
	"sync"
	"time"

	"p2ptool/transfer"
)

// sendFile sends a file from the disk for the given time, and returns the bytes written to the
// stream.
func sendFile(ctx context.Context, rw io.ReadWriteCloser, s *transfer.Scratch, lasts time.Duration) (written int64, err error) {
	s.Forget()
	f := newTimedFile(rw, s, lasts)
	defer f.stop()
	_, err = transfer.Send(ctx, f, transfer.Source{Reader: readerFunc(f.next), Name: "bench"}, transfer.SendOptions{})
	return f.sent(), err
}

// minAhead is how far the reader of a timedFile may always be ahead of the stream, in bytes.
const minAhead = 256 << 10

// A timedFile is the file of sendFile and its stream. The file ends at a given time. Until then it is
// read at most half as many bytes ahead as the stream has taken: a transfer buffers many
// megabytes, which a slow path could not carry in time.
type timedFile struct {
	io.ReadWriteCloser
	file  io.Reader
	timer *time.Timer

	mu            sync.Mutex
	changed       sync.Cond // what follows has changed
	ended         bool
	read, written int64
}

func newTimedFile(rw io.ReadWriteCloser, file io.Reader, lasts time.Duration) *timedFile {
	f := &timedFile{ReadWriteCloser: rw, file: file}
	f.changed.L = &f.mu
	f.timer = time.AfterFunc(lasts, f.end)
	return f
}

// stop ends the file early: the goroutines of a transfer that has failed may still read it.
func (f *timedFile) stop() {
	f.timer.Stop()
	f.end()
}

func (f *timedFile) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.changed.Broadcast()
}

// sent returns the number of bytes written to the stream.
func (f *timedFile) sent() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written
}

// Write writes to the stream.
func (f *timedFile) Write(b []byte) (int, error) {
	n, err := f.ReadWriteCloser.Write(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written += int64(n)
	f.changed.Broadcast()
	return n, err
}

// next reads the file.
func (f *timedFile) next(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.ended && f.read-f.written > minAhead+f.written/2 {
		f.changed.Wait()
	}
	if f.ended {
		return 0, io.EOF
	}
	n, err := f.file.Read(b)
	f.read += int64(n)
	return n, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
