// Package link is a reliable, encrypted link between two peers over UDP.
//
// A link is a session, and a path is only a way to reach it. Both ends hold the
// session's keys before the link begins; every packet is an ordinary packet of
// the session, whichever path it takes; a path is tried by a PING and is
// valid once the PONG came back (package path). A better path that becomes valid takes over, one that
// dies is left, and the streams above notice nothing but a pause.
//
// Over the paths run reliable, ordered streams with flow control, and
// unreliable datagrams. Loss detection follows RFC 9002 and RFC 8985 (RACK),
// for each path by itself (package recovery). Congestion control is of the BBR family
// (draft-ietf-ccwg-bbr), one controller a path, and distinguishes random loss from
// congestion (package congestion). Package wire draws the frames, docs/protocol.md the
// packets.
//
// One goroutine, the link's loop, owns all state but that of the streams, which
// have a mutex each. Time comes in as the loop's now.
//
// Whom it trusts: packets that do not open are dropped. Packets that do
// come from the other peer, who may still be hostile: what breaks the protocol
// closes the link, and whatever it sends, and however it acknowledges, makes
// the link hold no more than about
//
//	 4 MiB  that wait for the loop, and as much that it is working on
//	32 MiB  of the first 64 KiB of 512 streams
//	32 MiB  by which the windows of streams have grown
//	13 MiB  of records of packets in flight
//
// beside what the application itself writes, which is held until it is
// acknowledged: twice the congestion window, more where much is lost, and at most 16 MiB for a
// stream. A link at rest holds about 100 KiB. Addresses that nobody but the
// other peer vouches for get a few probes each, and a few of them do (path.Manager).
//
// Limits: 128 streams opened by each side at once; datagrams of 1,100 bytes.
package link

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/link/qlog"
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/rtt"
	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

const (
	replayWindow = 1 << 15         // packets that may overtake one
	idleTimeout  = 2 * time.Minute // of silence, then the link is dead
)

// ErrIdle ends a link whose other side has been silent for two minutes.
var ErrIdle = errors.New("peer has been silent for two minutes")

var errAck = errors.New("peer acknowledged what was never sent")

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
	// one becomes another kind; Kind is path.PathNone while none answers.
	OnPath func(Path)
	// OpenerTTL returns the time to live with which a packet passes this host's own NATs;
	// nil stands for path.OpenerTTL.
	OpenerTTL func() int
	// NATs says that the other side understands frames about NATs.
	NATs bool
	// OnNAT is told what the other side says of its NAT, OnOpened among which
	// ports of its address sockets wait for our probes. Nil is fine.
	OnNAT    func(path.NAT)
	OnOpened func(path.Ports)
	// Targets bounds what is sent to hosts that have not answered, together with other
	// links; nil: only the link's own budget does.
	Targets *path.Targets
	// Memory bounds what the link holds for its other end, together with other links; nil:
	// only the link's own limits do.
	Memory *Memory
	// Trace logs what the link does, and is closed at its end; nil: nothing is logged.
	Trace *qlog.Trace
	// Log receives what happens to paths, at level Debug; nil: nothing does.
	Log *slog.Logger
	// OnTrouble is told that the path in use does not answer, at most once
	// a second while that is so.
	OnTrouble func()
}

// A Path tells which way a link's packets take.
type Path struct {
	Kind path.Kind
	Addr netip.AddrPort // the peer's, or the server's where relayed
	RTT  time.Duration
	// Limit is the most bytes that a packet on the path may have, with the headers of
	// IP and UDP, where that is less than nearly every path carries; else 0.
	Limit int
}

// A Link is one end of a link.
type Link struct {
	cfg        Config
	streams    streams
	memory     holding
	datagrams  chan []byte
	sendBuffer atomic.Int64         // limit of each stream's buffer
	smoothed   atomic.Int64         // round trip of the path in use
	current    atomic.Pointer[Path] // but for its round trip
	waiting    atomic.Int32         // length of outbox
	heardAt    atomic.Int64         // when a packet last arrived, in Unix nanoseconds

	mu     sync.Mutex
	inbox  inbox
	calls  []func()
	outbox []outgoing // datagrams to send
	cutUp  uint64     // number of the newest
	err    error      // why the link ended

	wake     chan struct{}
	relieved chan struct{} // the inbox was emptied
	done     chan struct{}

	// Of the loop alone:
	now         time.Time
	sender      *noise.Sender
	receiver    *noise.Receiver
	history     recovery.History
	acks        recovery.Acks
	paths       *path.Manager
	from        *flow // that the packet in hand came by
	traced      *flow // that was logged last as the path in use
	ended       bool
	turn        []arrival // taken out of the inbox
	taken       int       // of turn
	touched     []*Stream // that somebody may wait for
	heard       time.Time
	began       time.Time
	probes      int // packets that may be sent beyond the window
	lostPackets uint64
	announced   announcement
	pieces      pieces
	raised      *Stream     // whose WINDOW was sent last and is not acknowledged; nil: none
	buffer      *udp.Buffer // for packets
	scratch     []spans.Span
	leaving     leaving
	closing     closing
	reported    Path
	pinged      uint64 // id of a PING in the packet in hand
	answer      bool   // there is one
}

// New starts a link without any path.
func New(cfg Config) *Link {
	l := newLink(cfg)
	go l.run()
	return l
}

func newLink(cfg Config) *Link {
	if cfg.OpenerTTL == nil {
		cfg.OpenerTTL = func() int { return path.OpenerTTL }
	}
	l := &Link{
		cfg:       cfg,
		datagrams: make(chan []byte, maxDatagrams),
		wake:      make(chan struct{}, 1),
		relieved:  make(chan struct{}, 1),
		done:      make(chan struct{}),
		sender:    cfg.Secrets.NewSender(0),
		receiver:  cfg.Secrets.NewReceiver(replayWindow),
		now:       time.Now(),
		buffer:    udp.NewBuffer(),
	}
	l.heard = l.now
	l.began = l.now
	l.heardAt.Store(l.now.UnixNano())
	l.memory.from = cfg.Memory
	l.streams.init(l, cfg.Initiator)
	l.sendBuffer.Store(minSendBuf)
	l.smoothed.Store(int64(rtt.Initial))
	l.current.Store(&Path{})
	l.paths = l.newManager()
	return l
}

// Deliver hands the link packets that arrived, without the relay's header. It
// copies them or retains the batch's buffer, and drops what is too much. Where much waits
// already it gives the loop a moment: meanwhile the socket keeps what arrives.
func (l *Link) Deliver(r Route, b udp.Batch) {
	l.mu.Lock()
	if l.err == nil {
		l.inbox.put(r, b)
	}
	crowded := l.err == nil && l.inbox.crowded()
	l.mu.Unlock()
	l.poke()
	if crowded {
		l.awaitRelief()
	}
}

// OpenStream opens a stream. The other side learns of it with its first bytes.
func (l *Link) OpenStream() (*Stream, error) { return l.streams.open() }

// AcceptStream waits for the next stream that the other side opens.
func (l *Link) AcceptStream(ctx context.Context) (*Stream, error) { return l.streams.accept(ctx) }

// Path returns the path in use; its Kind is path.PathNone if none answers.
func (l *Link) Path() Path {
	p := *l.current.Load()
	p.RTT = l.roundTrip()
	return p
}

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
