package transfer

import (
	"sync"
	"sync/atomic"
	"time"
)

// An Event is one of Offer, Accepted, Progress and File.
type Event interface{ event() }

type (
	// An Offer describes what the sender wants to send. The sender emits it when it makes the
	// offer, the receiver before it calls Accept.
	Offer struct {
		ID    [16]byte
		Names []string // of the files and folders, as the sender calls them; at most 256
		Count int64    // of the files and folders; may be more than len(Names)
		// -1 in Files, Folders or Bytes means not known yet.
		Files   int64
		Folders int64
		Bytes   int64
		// Resumes says that an offer with the same ID, peer and size was accepted
		// before and is not complete.
		Resumes bool
	}

	// Accepted says that the receiver accepted the offer.
	Accepted struct{ ID [16]byte }

	// Progress is emitted at most ten times a second, and once at the end.
	Progress struct {
		ID      [16]byte
		Bytes   int64  // sent, or verified and written, now or in an earlier attempt
		Total   int64  // -1: not known yet
		Resumed int64  // the part of Bytes from earlier attempts
		Path    string // of the file that was transferred last, as the sender calls it; empty: none yet
	}

	// File says that one file has finished. A sent file is safe on the receiver's disk.
	File struct {
		ID [16]byte
		// Path has slashes. On the sending side it is the offered path. On the receiving
		// side it is where the file is below Dir or, for a failed file, where it would be
		// or what the sender calls it.
		Path   string
		Bytes  int64
		BLAKE3 [32]byte // of a received or sent file
		Status Status
		Reason string // of a skipped or failed file
		Err    error  // of a failed file: matches ErrChanged, ErrIntegrity or ErrStorage, or none
		// Renamed is the sender's path if Path differs from it.
		Renamed string
	}
)

func (Offer) event()    {}
func (Accepted) event() {}
func (Progress) event() {}
func (File) event()     {}

// A Status is the outcome of a file.
type Status string

const (
	StatusReceived Status = "received"
	StatusSent     Status = "sent"
	StatusSkipped  Status = "skipped"
	StatusFailed   Status = "failed"
)

// An emitter passes events to the application, one at a time, and counts progress.
type emitter struct {
	id [16]byte
	fn func(Event)
	mu sync.Mutex // held while fn runs

	done, total, resumed atomic.Int64 // as in Progress
	file                 atomic.Pointer[string]
}

// moved counts transferred bytes of a file. It keeps the pointer to the path.
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

// run emits progress when it changes, until stop is closed.
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
