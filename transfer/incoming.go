package transfer

import (
	"errors"
	"sync/atomic"

	"lukechampine.com/blake3/guts"

	"p2ptool/transfer/internal/disk"
)

// An incoming is an unfinished entry that the sender announced. The planner owns it until it
// is wanted, then arrivalLoop, then finishLoop.
type incoming struct {
	m     *entryMsg
	local string // target path, below the target folder
	key   string
	total int64 // chunks

	wanted  atomic.Bool // the sender may send it
	failed  bool        // and the sender knows
	counted bool        // holds a token of resumables

	small    bool        // it is written to a nameless file if possible
	writing  chan error  // receives the result of writing it; nil: nothing to wait for
	tmp      *nameless   // nil before it is written
	starved  *smallWrite // the write that failed for lack of descriptors
	budgeted bool        // it has a place in the budget of open files

	p       *partial // nil before it is opened, and with a Writer
	runs    []run    // what is held, from cursor on
	check   bool     // compare runs with the sender's hashes
	cursor  int64    // the next chunk, ignoring held ones
	needed  []int64  // chunks that differ from the sender's; they come before cursor's
	bad     map[int64]bool
	tries   int // chunks that arrived damaged
	written int64
	came    int64     // the part of written that arrived as DATA
	sum     *digester // of chunks that arrive in order, if there is more than one
	end     *endMsg   // once it has arrived
	digest  [32]byte  // once it is known
	final   string    // the final name
	err     error     // an error after all of it arrived
}

// inOrder reports whether every chunk arrives, and in order, so that the digest can be computed on arrival.
func (in *incoming) inOrder(r *receiver) bool {
	return in.m.what == entryStream || r.st == nil || in.total < 2
}

// add adds the next chunk to the digest of an entry that arrives in order.
func (in *incoming) add(n guts.Node) {
	if in.m.what == entryFile && in.total < 2 {
		in.digest = rootDigest(n)
		return
	}
	if in.sum == nil {
		in.sum = new(digester)
	}
	in.sum.addChunk(n)
}

// whole returns the digest of an entry that arrived in order.
func (in *incoming) whole() [32]byte {
	switch {
	case in.sum != nil:
		in.digest = in.sum.sum()
	case in.written == 0:
		in.digest = rootDigest(hashChunk(nil, 0))
	}
	return in.digest
}

// sourceOf describes where the bytes of in come from.
func (r *receiver) sourceOf(in *incoming) journalHeader {
	return journalHeader{size: max(in.m.size, 0), mtime: in.m.mtime, tag: in.m.tag, origin: r.offer.origin}
}

// next returns the chunk that must arrive next. It returns -1 if HASHES must arrive first.
func (in *incoming) next() int64 {
	if len(in.needed) > 0 {
		return in.needed[0]
	}
	for len(in.runs) > 0 && in.cursor == int64(in.runs[0].first) {
		if in.check {
			return -1
		}
		in.cursor = in.runs[0].end()
		in.runs = in.runs[1:]
	}
	return in.cursor
}

func (in *incoming) advance() {
	if len(in.needed) > 0 {
		in.needed = in.needed[1:]
	} else {
		in.cursor++
	}
}

// complete reports whether all chunks arrived, intact or damaged.
func (in *incoming) complete() bool {
	return in.m.what == entryStream || in.next() == in.total && len(in.needed) == 0
}

// finishEntry sends the result m of an entry and retires it.
func (r *receiver) finishEntry(in *incoming, m *resultMsg) {
	r.send(m)
	r.retire(in)
}

// retire forgets an entry whose result was sent.
func (r *receiver) retire(in *incoming) {
	if in.counted {
		<-r.resumables
	}
	r.releaseFile(in)
	r.win.finish(in.m.n)
	r.moveOn()
}

// failWith reports to the sender, the application and the tally that an entry failed.
// The entry stays in the window, as more of it may still arrive.
func (r *receiver) failWith(in *incoming, c code, reason string, peer bool) {
	in.failed = true
	in.settle()
	r.dropTmp(in)
	if in.p != nil {
		// Keeping the data is best effort: the entry has already failed.
		if in.p.keep() == nil && in.total > 1 {
			r.may.keep(in.came)
		}
		in.p = nil
	}
	r.tally.file(StatusFailed, 0, c.kindOf(), reason, peer)
	r.ev.emit(File{ID: r.ev.id, Path: in.shown(), Bytes: max(in.m.size, 0), Status: StatusFailed, Reason: reason, Err: c.kindOf()})
	r.send(&resultMsg{n: in.m.n, code: c, reason: reason})
}

// fail fails and retires an entry of which nothing more arrives.
func (r *receiver) fail(in *incoming, err error) {
	r.failWith(in, codeFor(err), reasonFor(err), false)
	r.retire(in)
}

// failOr fails an entry, or returns the error if it ends the transfer.
func (r *receiver) failOr(in *incoming, err error) error {
	if fatal := asFatal(err); fatal != nil {
		return fatal
	}
	r.fail(in, err)
	return nil
}

// asFatal returns the error with which err ends the transfer, or nil if it affects only one file.
func asFatal(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if disk.Broken(err) {
		return storage(err)
	}
	return nil
}

// shown is the path that the application sees.
func (in *incoming) shown() string {
	switch {
	case in.final != "":
		return in.final
	case in.local != "":
		return in.local
	}
	return in.m.path
}

func (r *receiver) held(in *incoming, rec record) {
	in.final = rec.final
	r.ev.done.Add(rec.size)
	r.ev.resumed.Add(rec.size)
	r.received(in, rec.digest, rec.size)
	r.finishEntry(in, &resultMsg{n: in.m.n, code: codeHeld, digest: rec.digest})
}

func (r *receiver) received(in *incoming, digest [32]byte, size int64) {
	ev := File{ID: r.ev.id, Path: in.shown(), Bytes: size, BLAKE3: digest, Status: StatusReceived}
	if ev.Path != in.m.path {
		ev.Renamed = in.m.path
	}
	r.may.keep(in.came)
	r.tally.file(StatusReceived, size, nil, "", false)
	r.ev.emit(ev)
}

func (r *receiver) skip(in *incoming) {
	const reason = "it exists"
	r.ev.done.Add(max(in.m.size, 0))
	r.tally.file(StatusSkipped, 0, nil, reason, false)
	r.ev.emit(File{ID: r.ev.id, Path: in.shown(), Bytes: max(in.m.size, 0), Status: StatusSkipped, Reason: reason})
	r.finishEntry(in, &resultMsg{n: in.m.n, code: codeSkipped, reason: reason})
}
