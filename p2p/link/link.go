// Package link is a reliable, encrypted link between two peers over UDP.
//
// A link is a session, and a path is only a way to reach the peer. Both ends have the session's
// keys before the link begins, and every packet belongs to the session, whichever path it takes. A
// path becomes valid when a PING on it is answered (package path). The link moves to a better path
// as soon as that is valid, and leaves one that is lost; its streams only notice a pause.
//
// A link carries reliable, ordered streams with flow control, and unreliable datagrams. Each path
// has its own loss detection, by RFC 9002 and RFC 8985 (package recovery), and its own congestion
// control of the BBR family, which distinguishes random loss from congestion (package congestion).
// Package wire draws the frames, package rendezvous the datagrams that carry them.
//
// One goroutine, the link's loop, owns all state except the streams, which have a mutex each. Its
// functions take the time from the loop.
//
// Trust: packets that fail authentication are dropped. All others come from the peer, which may
// still be hostile: a protocol violation closes the link, and whatever the peer sends or
// acknowledges, the link holds at most about
//
//	 4 MiB  of packets that wait for the loop, and as much that it is handling
//	32 MiB  of the first 64 KiB of 512 streams
//	32 MiB  by which the windows of streams have grown
//	13 MiB  of records of packets in flight
//
// in addition to what the application writes. That is held until it is acknowledged: twice the
// congestion window, more on a path with much loss, and at most 16 MiB per stream. An idle link
// holds about 100 KiB. An address that only the peer names gets a few probes, and only a few such
// addresses do (path.Manager).
//
// Limits: 128 streams opened by each peer at once; datagrams of 1,100 bytes.
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
	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rtt"
	"p2ptool/p2p/udp"
)

const (
	replayWindow = 1 << 15         // packets by which one may be late
	idleTimeout  = 2 * time.Minute // without a packet, after which the link ends
)

// ErrIdle ends a link that has received nothing for two minutes.
var ErrIdle = errors.New("peer has been silent for two minutes")

var errAck = errors.New("peer acknowledged what was never sent")

// Config configures a link. The link's loop calls its functions, which must not block and must not
// call methods of the link.
type Config struct {
	Initiator bool
	Secrets   noise.Secrets
	Index     uint32 // of the session at the peer

	// Route returns the route to an address that the peer names; ok is false if there is no
	// socket for it.
	Route func(netip.AddrPort) (r Route, ok bool)
	// Allow reports whether relayed or direct paths may be used; nil allows both.
	Allow func(relayed bool) bool
	// Loopback says that the peer may be on this host.
	Loopback bool
	// Own reports whether an address is one of this host's interfaces.
	Own func(netip.Addr) bool
	// OnPath is called with the path in use when that, its kind or its limit changes; its Kind is
	// path.None while no path is valid.
	OnPath func(Path)
	// OpenerTTL returns the time to live with which a packet passes this host's own NATs; nil:
	// path.OpenerTTL.
	OpenerTTL func() int
	// NATs says that the peer understands NAT and OPENED.
	NATs bool
	// OnNAT is called with how the peer's NAT maps and filters, OnOpened with the ports of the
	// peer's address among which its sockets wait for probes. Both may be nil.
	OnNAT    func(path.NAT)
	OnOpened func(path.Ports)
	// Targets bounds what is sent to hosts that have not answered, together with other
	// links; nil: only the link's own budget does.
	Targets *path.Targets
	// Memory bounds the memory that peers of several links can make this process use; nil: only
	// the link's own limits do.
	Memory *Memory
	// Trace logs what the link does, and is closed at its end; nil: nothing is logged.
	Trace *qlog.Trace
	// Log receives what happens to paths, at level Debug; nil: nothing does.
	Log *slog.Logger
	// OnTrouble is called while the path in use does not answer, at most once a second.
	OnTrouble func()
}

// A Path describes the path in use.
type Path struct {
	Kind path.Kind
	Addr netip.AddrPort // the peer's, or the server's if relayed
	RTT  time.Duration  // smoothed
	// Limit is the size of the largest packet that the path carries, with the headers of IP and
	// UDP, if that is less than nearly every path does; else 0.
	Limit int
}

// A Link is one end of a link.
type Link struct {
	cfg       Config
	streams   streams
	memory    holding
	datagrams chan []byte
	published published
	mail      mailbox

	wake     chan struct{}
	relieved chan struct{} // the inbox was emptied
	done     chan struct{}

	// Of the loop alone:
	now       time.Time
	sender    *noise.Sender
	receiver  *noise.Receiver
	loss      lossState
	paths     *path.Manager
	traced    *flow // that was logged last as the path in use
	turn      turn
	packetIn  packetIn
	heard     time.Time
	began     time.Time
	announced announcement
	pieces    pieces
	buffer    *udp.Buffer // for packets
	ending    ending
	reported  Path
}

// published is state of the loop that other goroutines read.
type published struct {
	sendBuffer atomic.Int64         // limit of each stream's buffer
	smoothed   atomic.Int64         // round trip of the path in use
	current    atomic.Pointer[Path] // the path in use, without its round trip
	waiting    atomic.Int32         // length of the outbox
	heardAt    atomic.Int64         // when a packet last arrived, in Unix nanoseconds
}

// A mailbox is what other goroutines pass to the loop. The mutex guards all of it.
type mailbox struct {
	mu     sync.Mutex
	inbox  inbox
	calls  []func()
	outbox []outgoing // datagrams to send
	cutUp  uint64     // number of the newest
	err    error      // why the link ended
}

// lossState is the state of loss detection over all paths.
type lossState struct {
	history recovery.History
	acks    recovery.Acks
	probes  int    // packets that may be sent beyond the window
	lost    uint64 // packets declared lost so far
}

// A turn is what the loop is working on.
type turn struct {
	arrivals []arrival // from the inbox
	taken    int       // of them, handled
	touched  []*Stream // whose readers or writers may be able to continue
}

// packetIn is the packet that is being handled.
type packetIn struct {
	from   *flow  // by which it came
	pinged uint64 // id of a PING in it
	answer bool   // there is one
	ranges []spans.Span
}

// An ending is the state of closing the link.
type ending struct {
	leaving leaving
	closing closing
	ended   bool
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
	l.published.heardAt.Store(l.now.UnixNano())
	l.memory.from = cfg.Memory
	l.streams.init(l, cfg.Initiator)
	l.published.sendBuffer.Store(minSendBuf)
	l.published.smoothed.Store(int64(rtt.Initial))
	l.published.current.Store(&Path{})
	l.paths = l.newManager()
	return l
}

// Deliver passes packets that arrived, without the relay's header, to the link. It copies them or
// retains the batch's buffer, and drops them if too many wait. While the loop is behind, it waits a
// moment: meanwhile further packets stay in the socket's buffer.
func (l *Link) Deliver(r Route, b udp.Batch) {
	l.mail.mu.Lock()
	if l.mail.err == nil {
		l.mail.inbox.put(r, b)
	}
	crowded := l.mail.err == nil && l.mail.inbox.crowded()
	l.mail.mu.Unlock()
	l.poke()
	if crowded {
		l.awaitRelief()
	}
}

// OpenStream opens a stream. The peer sees it when its first bytes arrive. The error is
// ErrTooManyStreams, or why the link has ended.
func (l *Link) OpenStream() (*Stream, error) { return l.streams.open() }

// AcceptStream waits for the next stream that the peer opens. The error is why the link has ended,
// or ctx's.
func (l *Link) AcceptStream(ctx context.Context) (*Stream, error) { return l.streams.accept(ctx) }

// Path returns the path in use; its Kind is path.None if no path is valid.
func (l *Link) Path() Path {
	p := *l.published.current.Load()
	p.RTT = l.roundTrip()
	return p
}

// Heard returns when a packet last arrived.
func (l *Link) Heard() time.Time { return time.Unix(0, l.published.heardAt.Load()) }

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err returns why the link has ended, nil if it has not.
func (l *Link) Err() error {
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	return l.mail.err
}

// roundTrip returns the smoothed round trip of the path in use.
func (l *Link) roundTrip() time.Duration { return time.Duration(l.published.smoothed.Load()) }
