package transfer

import (
	"sync"
	"sync/atomic"
	"time"
)

// An Event is one of Offer, Accepted, Progress and File.
type Event interface{ event() }

type (
	// An Offer is what the sender would like to send. On the sending side the event says
	// that it was made; on the receiving side it comes before Accept is asked.
	Offer struct {
		ID    [16]byte
		Names []string // of the files and folders, as the sender gives them; at most 256
		Count int64    // how many files and folders, though Names may end before
		// Of Files, Folders and Bytes, -1 is not known yet.
		Files   int64
		Folders int64
		Bytes   int64
		// Resumes says that this offer, of this ID, peer and size, was accepted
		// before and has not been completed.
		Resumes bool
	}

	// Accepted says that the receiver takes the offer.
	Accepted struct{ ID [16]byte }

	// Progress comes at most ten times a second, and once at the end.
	Progress struct {
		ID      [16]byte
		Bytes   int64  // dealt with: sent, or verified and written, now or earlier
		Total   int64  // -1: not known yet
		Resumed int64  // of Bytes, what was there from an earlier attempt
		Path    string // of the file of which something moved last, as the sender calls it; empty: none did
	}

	// File says that all is done for one file. A sent one is safe on the receiver's disk.
	File struct {
		ID [16]byte
		// Path has slashes. Sending it is as offered; receiving it is where the file is,
		// below Dir, or, of one that failed, where it would be or how the sender calls it.
		Path   string
		Bytes  int64
		BLAKE3 [32]byte // of a received or sent file
		Status Status
		Reason string // of a skipped or failed file
		Err    error  // of a failed file: matches ErrChanged, ErrIntegrity or ErrStorage, or none
		// Renamed is the name that the sender gave, where Path had to differ.
		Renamed string
	}
)

func (Offer) event()    {}
func (Accepted) event() {}
func (Progress) event() {}
func (File) event()     {}

// A Status is what became of a file.
type Status string

const (
	StatusReceived Status = "received"
	StatusSent     Status = "sent"
	StatusSkipped  Status = "skipped"
	StatusFailed   Status = "failed"
)

// An emitter gives events to the application, one at a time, and counts.
type emitter struct {
	id [16]byte
	fn func(Event)
	mu sync.Mutex // held while fn runs

	done, total, resumed atomic.Int64 // as in Progress
	file                 atomic.Pointer[string]
}

// moved counts bytes of a file. The path stays the file's.
func (e *emitter) moved(n int64, path *string) {
	e.done.Add(n)
	e.file.Store(path)
}

func newEmitter(id [16]byte, fn func(Event)) *emitter {
	e := &emitter{id: id, fn: fn}
	e.total.Store(-1)
	return e
}

func (e *emitter) emit(ev Event) {
	if e.fn == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fn(ev)
}

func (e *emitter) setID(id [16]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.id = id
}

func (e *emitter) progress() Progress {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := Progress{ID: e.id, Bytes: e.done.Load(), Total: e.total.Load(), Resumed: e.resumed.Load()}
	if path := e.file.Load(); path != nil {
		p.Path = *path
	}
	return p
}

// run emits progress while it changes, until stop is closed.
func (e *emitter) run(stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := e.progress()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if p := e.progress(); p != last {
				e.emit(p)
				last = p
			}
		}
	}
}
