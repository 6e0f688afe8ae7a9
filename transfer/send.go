package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Send offers src over rw and sends what the receiver does not have yet. It returns when
// everything is synced on the receiver's disk, or has failed. It closes rw.
//
// The error is an *Error, or an error about src before anything was sent. If single files
// fail, Send sends the others and returns the error at the end. It skips symbolic links
// within folders, pipes and devices. It returns within about a second after ctx ends.
func Send(ctx context.Context, rw io.ReadWriteCloser, src Source, o SendOptions) (Result, error) {
	if o.ID == ([16]byte{}) {
		o.ID = randomID()
	}
	tops, err := resolveSource(src)
	if err != nil {
		return Result{ID: o.ID}, errors.Join(err, rw.Close())
	}
	s := newSender(ctx, rw, src, tops, o)
	stop := make(chan struct{})
	var events sync.WaitGroup
	events.Go(func() { s.ev.run(stop) })
	s.run()
	err = s.wait()
	close(stop)
	events.Wait()
	s.ev.emit(s.ev.progress())
	if err == nil {
		err = s.tally.err()
	}
	if src.Reader != nil {
		err = unresumable(err)
	}
	return s.tally.result(s.ev.resumed.Load()), err
}

func randomID() (id [16]byte) {
	rand.Read(id[:])
	return id
}

func resolveSource(src Source) ([]top, error) {
	if src.Reader != nil {
		if _, err := localPath(src.Name, "linux"); err != nil {
			return nil, err
		}
		return []top{{name: src.Name}}, nil
	}
	if len(src.Paths) == 0 {
		return nil, errors.New("nothing to send")
	}
	return resolveTops(src.Paths)
}

// A sender is the state of Send.
//
//	announce --ENTRY--> peer --WANT, HAVE--> readLoop -> answered -> feed -> jobs -> writeLoop --DATA--> peer
//	                                                                   \-> hashes <-/
type sender struct {
	*session
	src   Source
	tops  []top
	id    [16]byte
	ev    *emitter
	tally *tally
	limit *rate.Limiter // nil: none

	offered  atomic.Bool
	accepted chan struct{} // closed by ACCEPT
	afresh   bool          // from ACCEPT; set before accepted is closed
	late     bool          // used by announce: the offer is accepted
	win      *window[outgoing]
	answered *queue[*outgoing]
	agains   *queue[again]
	needs    chan *needMsg // answers the HASHES that feed waits for
	jobs     chan *job     // in the order of writing
	hashes   chan *job
	reads    chan smallRead

	mu      sync.Mutex // guards what follows, and the state of each outgoing
	needing *hashesMsg // the HASHES that were not answered yet
	done    bool       // all entries are announced
}

// An outgoing is an entry that was announced.
type outgoing struct {
	n      uint32
	what   entryKind
	top    *top
	rel    string
	path   string
	state  sourceState
	sparse bool // it may have holes

	// guarded by sender.mu
	phase   phase
	have    *haveMsg
	result  *resultMsg
	digest  [32]byte
	changed bool // a chunk that was read twice differed
	ours    bool // END reported a failure on this side
	bytes   int64
}

// A phase says how far an entry got.
//
//	announced --WANT, HAVE--> wanted --END written--> ended
//	    \------------------------ RESULT ----------------\--> finished
type phase int

const (
	announced phase = iota
	wanted
	ended
)

// again is a chunk that the receiver requested again.
type again struct {
	o     *outgoing
	chunk int64
}

func newSender(ctx context.Context, rw io.ReadWriteCloser, src Source, tops []top, o SendOptions) *sender {
	s := &sender{session: newSession(ctx, rw), src: src, tops: tops, id: o.ID, ev: newEmitter(o.ID, o.OnEvent), tally: newTally(o.ID),
		accepted: make(chan struct{}), win: newWindow[outgoing](), answered: newQueue[*outgoing](), agains: newQueue[again](),
		needs: make(chan *needMsg, 1), jobs: make(chan *job, bufferCount), hashes: make(chan *job, bufferCount),
		reads: make(chan smallRead)}
	if o.Limit > 0 {
		s.limit = rate.NewLimiter(rate.Limit(o.Limit), limitBurst(o.Limit))
	}
	return s
}

func (s *sender) run() {
	s.startWriter(s.writeLoop)
	s.start(s.readLoop)
	s.start(s.announce)
	s.start(s.feed)
	for range max(1, min(filesLeft()/8, readAtOnce)) {
		s.start(s.smallLoop)
	}
	for range min(4, runtime.GOMAXPROCS(0)) {
		s.start(s.hashLoop)
	}
}

// earlyEntries is how many entries are sent with the offer, and earlyPaths how many bytes their
// paths may have. Their answers arrive with the acceptance, which saves a round trip. The bounds
// limit what the receiver keeps for an offer that it may decline.
const (
	earlyEntries = 64
	earlyPaths   = 16 << 10
)

func (s *sender) failed(path string, kind error, reason string, peer bool) {
	s.tally.file(StatusFailed, 0, kind, reason, peer)
	s.ev.emit(File{ID: s.id, Path: path, Status: StatusFailed, Reason: reason, Err: kind})
}
