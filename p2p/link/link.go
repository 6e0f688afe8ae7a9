// Package link is a reliable, encrypted link between two peers over UDP.
//
// A link is a session, and a path is only a way to reach it. Both ends hold the
// session's keys before the link begins; every packet is an ordinary packet of
// the session, whichever path it takes; a path is tried by a PING and is
// valid once the PONG came back. A better path that becomes valid takes over, one that
// dies is left, and the streams above notice nothing but a pause.
//
// Over the paths run reliable, ordered streams with flow control, and
// unreliable datagrams. Loss detection follows RFC 9002 and RFC 8985 (RACK),
// for each path by itself; congestion control is behind an interface, one
// controller a path. The bytes of packets and frames are drawn in
// docs/protocol.md.
//
// One goroutine, the link's loop, owns all state but that of the streams, which
// have a mutex each. Time comes in as the loop's now.
//
// Whom it trusts: packets that do not open are dropped. Packets that do
// come from the other peer, who may still be hostile: whatever it sends is
// bounded in memory, and what breaks the protocol closes the link.
package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/punch"
	"p2ptool/p2p/udp"
)

const (
	replayWindow = 1 << 15         // packets that may overtake one
	idleTimeout  = 2 * time.Minute // of silence, then the link is dead
	maxInbox     = 4 << 20         // bytes of memory waiting for the loop; more are dropped
	copyBelow    = 4 << 10         // a smaller batch is copied, so as not to hold its whole buffer
	inboxTurn    = 32              // batches taken in before something is sent
	turnBatches  = 4               // batches sent before something is taken in
	minSendBuf   = 256 << 10       // bytes of a stream's buffer, at least
	dataInbox    = 64              // datagrams waiting for ReceiveDatagram
)

// Codes of CLOSE; those of the application begin at AppCode.
const (
	CodeDone     = 0
	CodeProtocol = 1
	CodeReplaced = 2
	CodeInternal = 3
	CodeGone     = 4 // never sent: the other side's process has ended
	AppCode      = 64
)

var (
	// ErrIdle ends a link whose other side has been silent for two minutes.
	ErrIdle = errors.New("peer has been silent for two minutes")
	errAck  = errors.New("peer acknowledged what was never sent")
)

// A CloseError says that a link was closed.
type CloseError struct {
	Remote bool // by the other side
	Code   uint64
	Reason string // if Remote, in the other side's words
}

func (e *CloseError) Error() string {
	who := "link was closed"
	if e.Remote {
		who = "link was closed by the peer"
	}
	if e.Reason == "" {
		return fmt.Sprintf("%s (code %d)", who, e.Code)
	}
	return fmt.Sprintf("%s (code %d: %q)", who, e.Code, e.Reason)
}

// Config is what a link is made of. Its functions are called by the link's
// loop, must not block and must not call back into the link.
type Config struct {
	Initiator bool
	Secrets   noise.Secrets
	Index     uint32 // of the session at the other side

	// Route makes the route to an address named by the other side; ok is
	// false where there is no socket for it.
	Route func(netip.AddrPort) (r Route, ok bool)
	// Allow says whether paths of a kind may be used; nil allows all.
	Allow func(relayed bool) bool
	// Loopback says that the other side may be on this very host.
	Loopback bool
	// Own says whether an address is one of this host's interfaces.
	Own func(netip.Addr) bool
	// OnPath is told the path in use whenever another is chosen, or the same
	// one becomes another kind; Kind is punch.PathNone while none answers.
	OnPath func(Path)
	// OnTrouble is told that the path in use does not answer, at most once
	// a second while that is so.
	OnTrouble func()
}

// A Path tells which way a link's packets take.
type Path struct {
	Kind punch.PathKind
	Addr netip.AddrPort // the peer's, or the server's where relayed
	RTT  time.Duration
}

// A Link is one end of a link.
type Link struct {
	cfg        Config
	streams    streams
	datagrams  chan []byte
	sendBuffer atomic.Int64 // limit of each stream's buffer
	smoothed   atomic.Int64 // round trip of the path in use
	current    atomic.Pointer[Path]
	heardAt    atomic.Int64 // when a packet last arrived, in Unix nanoseconds

	mu    sync.Mutex
	inbox []arrival
	held  int // bytes of inbox
	calls []func()
	err   error // why the link ended

	wake chan struct{}
	done chan struct{}

	// Of the loop alone:
	now           time.Time
	sender        *noise.Sender
	receiver      *noise.Receiver
	history       history
	acks          acks
	paths         []*path
	chosen        *path
	from          *path // that the packet in hand came by
	started       time.Time
	probed        int // addresses, of the budget
	ended         bool
	turn          []arrival
	heard         time.Time
	elsewhere     time.Time // when data last came by another path than the one in use
	fed           time.Time // when data last came
	troubled      time.Time
	probes        int // packets that may be sent beyond the window
	lostPackets   uint64
	outDatagrams  [][]byte
	candidates    []punch.Candidate // to tell the other side
	candidatesDue bool
	buffer        *udp.Buffer
	scratch       []span
	closing       closing
	reported      Path
}

// An arrival is a run of packets from one route.
type arrival struct {
	route Route
	batch udp.Batch
}

// cost returns the memory that an arrival holds.
func (a arrival) cost() int {
	if a.batch.Buf == nil {
		return len(a.batch.Data)
	}
	return len(a.batch.Buf.Bytes())
}

// release gives back the arrival's memory.
func (a arrival) release() {
	if a.batch.Buf != nil {
		a.batch.Buf.Release()
	}
}

// New starts a link without any path.
func New(cfg Config) *Link {
	l := &Link{
		cfg:       cfg,
		datagrams: make(chan []byte, dataInbox),
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		sender:    cfg.Secrets.NewSender(0),
		receiver:  cfg.Secrets.NewReceiver(replayWindow),
		now:       time.Now(),
	}
	l.heard, l.started = l.now, l.now
	l.heardAt.Store(l.now.UnixNano())
	l.streams.init(l, cfg.Initiator)
	l.sendBuffer.Store(minSendBuf)
	l.smoothed.Store(int64(initialRTT))
	l.current.Store(&Path{})
	go l.run()
	return l
}

// Deliver hands the link packets that arrived, without the relay's header. It
// retains the batch's buffer, does not block, and drops what is too much.
func (l *Link) Deliver(r Route, b udp.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := arrival{r, b}
	if len(b.Data) < copyBelow {
		a.batch.Buf = nil
	}
	if l.err != nil || l.held+a.cost() > maxInbox {
		return
	}
	if a.batch.Buf == nil {
		a.batch.Data = bytes.Clone(b.Data)
	} else {
		b.Buf.Retain()
	}
	l.inbox = append(l.inbox, a)
	l.held += a.cost()
	l.poke()
}

// OpenStream opens a stream. The other side learns of it with its first bytes.
func (l *Link) OpenStream() (*Stream, error) { return l.streams.open() }

// AcceptStream waits for the next stream that the other side opens.
func (l *Link) AcceptStream(ctx context.Context) (*Stream, error) { return l.streams.accept(ctx) }

// Path returns the path in use; its Kind is punch.PathNone if none answers.
func (l *Link) Path() Path { return *l.current.Load() }

// Heard returns when a packet last arrived.
func (l *Link) Heard() time.Time { return time.Unix(0, l.heardAt.Load()) }

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err returns why the link ended, or nil while it lives.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// roundTrip returns the smoothed round trip of the path in use.
func (l *Link) roundTrip() time.Duration { return time.Duration(l.smoothed.Load()) }

// poke makes the loop take a turn.
func (l *Link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// do has the loop run f, in order with other calls; it reports false where the
// link has ended, and f is then never run.
func (l *Link) do(f func()) bool {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return false
	}
	l.calls = append(l.calls, f)
	l.mu.Unlock()
	l.poke()
	return true
}

// run is the loop: it takes in what arrived, does what is due, sends what may
// be sent, and sleeps until the next of these.
func (l *Link) run() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.buffer = udp.NewBuffer()
	defer l.buffer.Release()
	for {
		select {
		case <-l.wake:
		case <-timer.C:
		}
		l.now = time.Now()
		more := l.takeIn()
		l.advance()
		if l.ended {
			l.release()
			return
		}
		if l.send() || more {
			l.poke()
			continue // the timer still stands; the next turn sets it
		}
		timer.Reset(max(l.deadline().Sub(time.Now()), 0))
	}
}

// takeIn runs calls and handles packets; it reports whether packets are left.
func (l *Link) takeIn() bool {
	l.mu.Lock()
	calls := l.calls
	l.calls = nil
	n := min(len(l.inbox), inboxTurn)
	batches := append(l.turn[:0], l.inbox[:n]...)
	l.inbox = append(l.inbox[:0], l.inbox[n:]...)
	for _, a := range batches {
		l.held -= a.cost()
	}
	left := len(l.inbox) > 0
	l.mu.Unlock()
	for _, f := range calls {
		f()
	}
	for i, a := range batches {
		l.receive(a)
		a.release()
		batches[i] = arrival{}
	}
	l.turn = batches
	return left
}

// end ends the link: the loop's next look at Err stops it.
func (l *Link) end(err error) {
	l.mu.Lock()
	first := l.err == nil
	if first {
		l.err = err
	}
	l.mu.Unlock()
	l.ended = true
	if first {
		l.streams.fail(err)
	}
}

// release gives back what the link holds.
func (l *Link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.inbox {
		a.release()
	}
	l.inbox, l.calls = nil, nil
	for _, p := range l.paths {
		for i := range p.pings {
			p.pings[i].answer = nil
		}
	}
	l.history = history{}
}
