package qlog

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	chunkSize   = 32 << 10 // bytes of events that are written at once
	maxWaiting  = 64       // chunks that wait to be written
	finishTime  = 300 * time.Millisecond
	flushPeriod = time.Second
)

// A writer writes chunks in the background.
type writer struct {
	to     io.WriteCloser
	chunks chan []byte
	spare  chan []byte // chunks that were written, to be filled again
	failed atomic.Bool // nothing is written any more
	done   chan struct{}
}

func newWriter(to io.WriteCloser) *writer {
	w := &writer{to: to, chunks: make(chan []byte, maxWaiting), spare: make(chan []byte, 1), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) run() {
	defer close(w.done)
	for c := range w.chunks {
		if w.failed.Load() {
			continue
		}
		if _, err := w.to.Write(c); err != nil {
			w.failed.Store(true)
		}
		select {
		case w.spare <- c[:0]:
		default:
		}
	}
	_ = w.to.Close() // nobody could do anything about it
}

// put passes a chunk on and returns an empty one. ok is false if the chunk was dropped.
func (w *writer) put(c []byte) (empty []byte, ok bool) {
	select {
	case w.chunks <- c:
	default:
		return c[:0], false
	}
	select {
	case empty = <-w.spare:
		return empty, true
	default:
		return make([]byte, 0, chunkSize+1024), true
	}
}

// finish waits until everything is written, for at most finishTime.
func (w *writer) finish() {
	close(w.chunks)
	timer := time.NewTimer(finishTime)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		w.failed.Store(true) // the rest is not worth waiting for
	}
}
