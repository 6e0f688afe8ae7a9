package client

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/tunnel"
)

// Errors of a Client's requests; test with errors.Is.
var (
	ErrNotFound   = errors.New("peer is unknown or offline")
	ErrRefused    = errors.New("refused by the peer")
	ErrTooMany    = errors.New("refused by the server: too many at once")
	ErrUnanswered = errors.New("no answer")
	ErrClosed     = errors.New("client is closed")
)

// A KeyError says that CheckKey refused the server's key. It wraps the error of CheckKey.
type KeyError struct{ Err error }

func (e *KeyError) Error() string { return "server's key is refused: " + e.Err.Error() }
func (e *KeyError) Unwrap() error { return e.Err }

// Config configures a Client. The On functions are called one at a time and in order on the client's goroutine:
// they must not block and must not call Close or make requests. Each may be nil.
type Config struct {
	Key    identity.SecretKey
	Server string // host:port

	Version     byte // of the protocol with the server; 0: rendezvous.ServerVersion
	LinkVersion byte // of links, which others learn from Lookup; 0: rendezvous.LinkVersion

	Instance  uint64 // random, not 0: distinguishes the processes of one key
	Listening bool   // receives calls, instead of processes that listened earlier
	Fallback  bool   // receives calls while no process of the same key listens; not with Listening
	Takes     uint32 // bits that a Lookup may require; the server does not interpret them
	Listed    bool
	Name      string // at most MaxName bytes of UTF-8

	// CheckKey is called with the server's key before anything confidential is sent. If it returns an error,
	// requests fail at once with a KeyError, and the client tries again: the right server may be back later. Nil
	// accepts any key.
	CheckKey func(identity.PublicKey) error

	// Send sends a datagram from the socket of the address's family, or over the Tunnel to addresses of it, and
	// drops it if there is none. It must not keep it, and is called from several goroutines.
	Send func(to netip.AddrPort, datagram []byte)

	// Tunnel opens streams to the server where UDP does not pass; nil: UDP only.
	Tunnel *tunnel.Dialer
	// NoUDP reaches the server by streams only.
	NoUDP bool

	// Resolve looks up a host name; nil: the system does.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	// OnRegistered is called when the client is registered, and when it reaches the server at another address than
	// before.
	OnRegistered func(server netip.AddrPort, v View)
	// OnMoved is called before OnRegistered when the server is reached at another address. Relay channels stay the
	// same.
	OnMoved func(from, to netip.AddrPort)
	OnLost  func()
	// OnRefused is called with a KeyError or a rendezvous.VersionError when the server that answers is refused and
	// no call of Registered waits; once until a server is accepted.
	OnRefused  func(error)
	OnReplaced func()     // another process listens instead
	OnRestored func()     // it has gone, and this one listens again
	OnView     func(View) // what the server sees has changed
	OnCall     func(*Call)
}

// A View is how the server sees this host, by address family. If the server is reached by a stream, Stream is
// the address of this end of it; nobody else can use that.
type View struct {
	V4, V6 Observed
	Stream netip.AddrPort
}

// Observed is this host's address as the server's two ports see it. They differ if the NAT's mapping depends on
// the endpoint.
type Observed struct{ Main, Second netip.AddrPort }

// of returns the half of v for the family of a.
func (v *View) of(a netip.Addr) *Observed {
	if a.Is4() {
		return &v.V4
	}
	return &v.V6
}

// A State is a stage in the life of a client; docs/protocol.md draws them.
type State int

// The states of a client.
const (
	Unregistered State = iota // the server's key or version is refused, or nothing was sent yet
	Registering
	Registered
	Lost
	Gone
)

// String returns "unregistered", "registering", "registered", "lost" or "gone".
func (s State) String() string {
	return [...]string{"unregistered", "registering", "registered", "lost", "gone"}[s]
}

// A Client keeps a peer registered with its server. It has no socket: it sends with Config.Send, and receives
// through HandleDatagram.
type Client struct {
	config   Config
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{} // closed when the goroutine has ended
	received chan received
	requests chan *request
	refresh  chan struct{}
	wake     chan struct{} // answers is not empty
	waiting  atomic.Int32  // calls of Registered that wait
	silent   atomic.Int64  // since when, in Unix nanoseconds, the server owes an answer; 0: it does not

	mu sync.Mutex // guards what follows
	status
	connection
	view    View
	dials   map[uint32]*handshake.Dial
	answers []outgoingAnswer

	history // of the goroutine alone
}

// status is where in its life a client is, and why.
type status struct {
	state   State
	changed chan struct{} // closed and replaced when state or err change
	err     error         // why waiting is useless: the server is refused, or Close was called
	reason  error         // why the server does not answer, as far as it is known
	narrow  bool          // a dial of the attempt under way failed with handshake.ErrNarrow
}

// connection is how the server is reached; zero while it is not.
type connection struct {
	current   netip.AddrPort
	observers []netip.AddrPort // that were asked by STUN
	ports     ports
	index     uint32 // of the session; valid if hasIndex
	hasIndex  bool
}

// history is what a client's goroutine remembers from one session to the next.
type history struct {
	refusal    bool           // OnRefused or Registered has reported a refusal since a server was last accepted
	replaced   bool           // another process of the same key listens
	replacedAt uint32         // the last request before the server said so
	last       netip.AddrPort // where the server was reached
	lastReq    uint32         // number of the last request
	pending    map[uint32]*request
}

// A received is a copy of a datagram.
type received struct {
	from     netip.AddrPort
	datagram []byte
}

// New returns a client that registers in the background.
func New(c Config) *Client {
	if c.LinkVersion == 0 {
		c.LinkVersion = rendezvous.LinkVersion
	}
	ctx, cancel := context.WithCancel(context.Background())
	cl := &Client{
		config: c, ctx: ctx, cancel: cancel,
		done:     make(chan struct{}),
		received: make(chan received, 256),
		requests: make(chan *request),
		refresh:  make(chan struct{}, 1),
		wake:     make(chan struct{}, 1),
		dials:    make(map[uint32]*handshake.Dial),
		status:   status{changed: make(chan struct{})},
		history:  history{pending: make(map[uint32]*request)},
	}
	go cl.run()
	return cl
}

// Close sends BYE and waits for the client's goroutines. Pending requests return ErrClosed. Twice is fine.
func (c *Client) Close() error {
	c.cancel()
	<-c.done
	return nil
}

// HandleDatagram handles a datagram if it is for the client, and reports whether it is. It neither blocks nor
// keeps b.
func (c *Client) HandleDatagram(from netip.AddrPort, b []byte) bool {
	if len(b) >= 4 && (b[0] == rendezvous.TypeCookie || b[0] == rendezvous.TypeResponse) {
		return rendezvous.Purpose(b[2]) == rendezvous.PurposeServer && c.feedDials(from, b)
	}
	if !c.wants(from, b) {
		return false
	}
	select {
	case c.received <- received{from, append([]byte(nil), b...)}:
	default: // as any datagram may, it is lost
	}
	return true
}

func (c *Client) wants(from netip.AddrPort, b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] {
	case rendezvous.TypeData:
		h, ok := noise.ParseHeader(b)
		return ok && c.Owns(h.Index)
	case rendezvous.TypeUnknown:
		return from == c.ServerAddr()
	}
	return stun.LooksLike(b) && c.observes(from)
}

func (c *Client) observes(from netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.observers, from)
}

// Owns reports whether a session index is the client's.
func (c *Client) Owns(index uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hasIndex && c.index == index || c.dials[index] != nil
}

// ServerAddr returns the address at which the server is reached, also for the relay; the invalid AddrPort while
// the client is not registered.
func (c *Client) ServerAddr() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// View returns how the server sees this host.
func (c *Client) View() View {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.view
}

// Unanswered returns for how long the server has owed an answer; 0: it does not.
func (c *Client) Unanswered(now time.Time) time.Duration {
	since := c.silent.Load()
	if since == 0 {
		return 0
	}
	return now.Sub(time.Unix(0, since))
}

// State returns the client's state.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Reason returns why the server did not answer at the last attempt, as far as it is known: its name could
// not be looked up, or ErrNarrow; else nil.
func (c *Client) Reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

func (c *Client) setReason(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason = err
}

// Registered waits until the client is registered and others can find it; requests need not wait for that. It
// returns a KeyError or a rendezvous.VersionError while the server is refused, ErrClosed after Close, or the
// error of ctx.
func (c *Client) Registered(ctx context.Context) error {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	if c.State() == Lost {
		c.RefreshNow()
	}
	for {
		c.mu.Lock()
		state, err, changed := c.state, c.err, c.changed
		c.mu.Unlock()
		switch {
		case state == Registered:
			return nil
		case err != nil:
			return err
		case state == Gone:
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// RefreshNow sends a KEEPALIVE, or tries to register, at once: for when the host's addresses have changed or the
// relay does not answer.
func (c *Client) RefreshNow() {
	select {
	case c.refresh <- struct{}{}:
	default:
	}
}

func (c *Client) setState(s State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.err = s, err
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Client) setView(change func(*View)) {
	c.mu.Lock()
	old := c.view
	change(&c.view)
	view := c.view
	c.mu.Unlock()
	if view != old && c.config.OnView != nil {
		c.config.OnView(view)
	}
}
