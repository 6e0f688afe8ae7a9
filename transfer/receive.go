package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/transfer/internal/disk"
)

// Receive receives one transfer from rw. It returns when everything is synced to disk, or
// has failed, and the sender has the result. It closes rw.
//
// The error is an *Error. If single files fail, Receive receives the others and returns the
// error at the end. It returns within about a second after ctx ends, and keeps what it has
// verified for the next attempt.
func Receive(ctx context.Context, rw io.ReadWriteCloser, o ReceiveOptions) (Result, error) {
	r := newReceiver(ctx, rw, o)
	stop := make(chan struct{})
	var events sync.WaitGroup
	events.Go(func() { r.ev.run(stop) })
	r.startWriter(r.writeLoop)
	r.start(r.readLoop)
	r.start(r.main)
	err := r.cleanUp(r.wait())
	close(stop)
	events.Wait()
	if r.ev.id != ([16]byte{}) {
		r.ev.emit(r.ev.progress())
	}
	if err == nil {
		err = r.tally.err()
	}
	if r.offer != nil && r.offer.isStream() {
		err = unresumable(err)
	}
	return r.tally.result(r.ev.resumed.Load()), err
}

// A receiver is the state of Receive.
//
//	readLoop --ENTRY--> plan --WANT, HAVE--> peer
//	    \--DATA, END--> hashes, work -> arrivalLoop -> finals -> finishLoop --RESULT--> peer
type receiver struct {
	*session
	o     ReceiveOptions
	ev    *emitter
	tally *tally
	st    *store     // nil with a Writer
	batch *batch     // nil with a Writer
	may   *allowance // set with offer

	resumes   bool // used by main: an earlier acceptance covers this offer
	offered   bool // used by readLoop
	listed    bool // used by readLoop: all entries were announced
	offers    chan *offerMsg
	offer     *offerMsg // set before accepted
	accepted  atomic.Bool
	stale     atomic.Bool // set before accepted: ignore what was announced so far
	win       *window[incoming]
	plans     *queue[plan]
	work      chan *arrival // in the order of arrival
	hashes    chan *arrival
	finals    chan *incoming
	folders   targetFolders
	writes    chan smallWrite
	files     fileBudget
	finishing atomic.Bool
	named     atomic.Bool // nameless files are not supported here
	delivered delivered   // used by finishLoop, if files may be replaced
	leftovers bool        // there were partial files at the start
	whole     *disk.Whole // used by finishLoop; nil: files are synced one by one

	known    atomic.Int64 // total size of the entries so far
	streamed atomic.Int64 // bytes received of files of unknown size

	resumables chan struct{} // one token for each file that is open to be resumed

	mu     sync.Mutex        // guards what follows
	leaves []leave           // folders that wait for their entries
	made   []string          // parents of new folders, not synced
	opened map[string]folder // existing folders that must become read-only again
	total  int64             // number of entries; -1: not known yet
	summed bool              // the summary was sent
	acked  atomic.Bool
}

// maxResumables is how many files may be open to be resumed.
const maxResumables = 32 // or fewer, if few files may be open

func newReceiver(ctx context.Context, rw io.ReadWriteCloser, o ReceiveOptions) *receiver {
	return &receiver{session: newSession(ctx, rw), o: o, ev: newEmitter([16]byte{}, o.OnEvent), tally: newTally([16]byte{}), total: -1,
		offers: make(chan *offerMsg, 1), win: newWindow[incoming](), plans: newQueue[plan](),
		work: make(chan *arrival, bufferCount), hashes: make(chan *arrival, bufferCount),
		finals: make(chan *incoming, finalBatch), writes: make(chan smallWrite), resumables: make(chan struct{}, max(1, min(filesLeft()/8, maxResumables))), files: newFileBudget()}
}

// afreshAfter is how long a decision may take before all entries have to be announced again,
// because files may have changed since the offer.
const afreshAfter = time.Second

// main waits for the offer, decides on it, and starts the goroutines that receive the files.
func (r *receiver) main() error {
	var m *offerMsg
	select {
	case m = <-r.offers:
	case <-r.ctx.Done():
		return nil
	}
	if r.o.Writer == nil {
		st, err := openStore(r.ctx, r.o.Dir, r.o.Peer)
		if err != nil {
			return storage(err)
		}
		r.st = st
	}
	asked := time.Now()
	if err := r.decide(m); err != nil {
		return err
	}
	if r.st != nil {
		if err := r.openBatch(m); err != nil {
			return err
		}
	}
	stale := time.Since(asked) >= afreshAfter
	r.stale.Store(stale)
	if r.st != nil {
		r.start(r.heedClaims)
		r.named.Store(!disk.CanLinkNameless())
		r.leftovers = r.st.slots.anyOf(partExt)
		r.whole, _ = disk.OpenWhole(r.st.root) // on error, files are synced one by one
	}
	r.tally.begin()
	r.ev.emit(Accepted{m.id})
	r.accepted.Store(true)
	r.send(&acceptMsg{version, stale})
	if !stale { // otherwise AFRESH starts it
		r.start(r.planLoop)
	}
	r.start(r.arrivalLoop)
	r.start(r.finishLoop)
	for range smallAtOnce {
		r.start(r.smallLoop)
	}
	for range min(4, runtime.GOMAXPROCS(0)) {
		r.start(r.hashLoop)
	}
	return nil
}

// openBatch opens the record and reads the account of the acceptance from it. If an earlier acceptance should cover
// this attempt but another attempt is using its record, that acceptance covers only the other attempt, and
// openBatch asks for a new one.
func (r *receiver) openBatch(m *offerMsg) (err error) {
	if r.batch, err = openBatch(r.st, m); err != nil {
		return storage(err)
	}
	if held := r.batch.held; r.resumes && held != nil && r.may.covers(*held) {
		r.may.before = *held
	} else if r.resumes {
		if err := r.accept(m.event()); err != nil {
			return errors.Join(err, r.forgetBatch())
		}
	}
	if err := r.batch.writeAccount(r.may.before); err != nil {
		return storage(err)
	}
	return nil
}

// forgetBatch removes the record of an offer that was not accepted.
func (r *receiver) forgetBatch() error {
	b := r.batch
	r.batch = nil
	return b.close(r.st, endConfirmed, spent)
}

// decide returns nil if the offer is accepted, or why it is not.
func (r *receiver) decide(m *offerMsg) error {
	o := m.event()
	r.offer, r.may = m, allowanceOf(m, r.o.MaxSize)
	r.ev.setID(m.id)
	r.tally.setID(m.id)
	r.ev.total.Store(m.bytes)
	r.resumes = r.st != nil && wasAccepted(r.st, m, r.may)
	o.Resumes = r.resumes
	r.ev.emit(o)
	if err := r.fits(o); err != nil {
		return err
	}
	return r.accept(o)
}

// accept lets the application decide.
func (r *receiver) accept(o Offer) error {
	if r.o.Accept == nil {
		return nil
	}
	err := r.o.Accept(r.ctx, o)
	if err != nil && r.ctx.Err() == nil {
		return refused(err.Error(), err)
	}
	return err
}

// fits returns an error if the offer is too large. If part of it is held already, the room on
// disk is checked file by file instead.
func (r *receiver) fits(o Offer) error {
	if r.o.MaxSize > 0 && o.Bytes > r.o.MaxSize {
		return refused(fmt.Sprintf("%d bytes are more than the %d that are allowed", o.Bytes, r.o.MaxSize), nil)
	}
	if r.o.Writer != nil && (o.Count != 1 || o.Files > 1) {
		return refused("only a single file can be taken", nil)
	}
	if r.st != nil && !wasBegun(r.st, r.offer) {
		return r.st.room(r.offer.data, o.Files)
	}
	return nil
}

func refused(reason string, err error) error {
	return &Error{Kind: ErrRefused, Reason: reason, Err: err}
}

func storage(err error) error {
	return &Error{Kind: ErrStorage, Reason: reasonFor(err), Resumable: true, Err: err}
}

func (r *receiver) hashLoop() error {
	for {
		select {
		case a := <-r.hashes:
			a.hash()
		case <-r.ctx.Done():
			return nil
		}
	}
}

// writeLoop writes the answers.
func (r *receiver) writeLoop() error {
	for {
		b, err := r.out.get(r.ctx)
		if err != nil {
			return nil
		}
		for more, ok := r.out.try(); ok; more, ok = r.out.try() {
			b = append(b, more...)
		}
		if _, err := r.rw.Write(b); err != nil {
			return interrupted(err)
		}
	}
}

func (r *receiver) ending() ending {
	switch whole := r.tally.err() == nil; {
	case whole && r.acked.Load() || r.offer.isStream():
		return endConfirmed
	case whole && r.isSummed():
		return endDelivered
	}
	return endUnfinished
}

// cleanUp keeps what is held of incomplete files, and closes everything.
func (r *receiver) cleanUp(err error) error {
	for _, in := range r.win.unfinished() {
		in.settle()
		r.dropTmp(in)
		if in.p != nil {
			kept := in.p.keep()
			if kept == nil && in.total > 1 {
				r.may.keep(in.came)
			} else if kept != nil && err == nil {
				err = storage(kept)
			}
		}
	}
	if r.batch != nil {
		if closed := r.batch.close(r.st, r.ending(), r.may.account()); closed != nil && err == nil {
			err = storage(closed)
		}
	}
	r.folders.close()
	r.closeWhole()
	if r.st != nil {
		r.closeOpened()
		r.st.close()
	}
	return err
}
