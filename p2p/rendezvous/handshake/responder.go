package handshake

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/limit"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
)

const (
	// PendingLife is how long a session may wait for its first packet, and how long a repeated INIT is answered with
	// the same RESPONSE.
	PendingLife = 15 * time.Second

	defaultPending = 1 << 16
	sourceSlots    = 1 << 15 // of a table of sources
)

// ResponderConfig configures a Responder.
type ResponderConfig struct {
	Key        identity.SecretKey
	Purpose    rendezvous.Purpose
	HelloRate  limit.Rate // by source; zero: 500 a second, 1,000 at once
	InitRate   limit.Rate // by source; zero: 50 a second, 500 at once
	MaxPending int        // handshakes that are remembered; zero: 65,536
	Version    byte       // of the protocol; zero: the purpose's

	// OnVersion is called with the address and the version of a HELLO of another version; nil
	// ignores it. Neither is authenticated. It must not block.
	OnVersion func(from netip.AddrPort, version byte)
}

// A Responder is the answering side of handshakes. It keeps nothing for an address that has not returned its
// cookie, and does no public-key operation for it. It is safe for concurrent use.
type Responder struct {
	config  ResponderConfig
	start   time.Time
	cookies *cookieJar
	hellos  *limit.Sources
	inits   *limit.Sources
	drops   responderDrops

	mu     sync.Mutex // guards what follows
	recent map[[16]byte]*Pending
	oldest []*Pending // oldest first
}

type responderDrops struct{ limited, cookie, handshake, version atomic.Uint64 }

// Drops counts the datagrams that a Responder did not accept.
type Drops struct {
	Limited      uint64 // over the limits by source
	BadCookie    uint64
	BadHandshake uint64 // the Noise message does not verify
	OtherVersion uint64 // HELLOs of another version, which are answered
}

// Drops returns the current numbers.
func (r *Responder) Drops() Drops {
	return Drops{r.drops.limited.Load(), r.drops.cookie.Load(), r.drops.handshake.Load(), r.drops.version.Load()}
}

// A Pending is an INIT that was received within PendingLife.
type Pending struct {
	From     netip.AddrPort
	digest   [16]byte
	received time.Time
	init     []byte // until Respond is called
	response []byte // nil: being made, or refused
}

// NewResponder returns a Responder; now is the current time.
func NewResponder(c ResponderConfig, now time.Time) *Responder {
	if c.HelloRate == (limit.Rate{}) {
		c.HelloRate = limit.Rate{PerSecond: 500, Burst: 1000}
	}
	if c.InitRate == (limit.Rate{}) {
		c.InitRate = limit.Rate{PerSecond: 50, Burst: 500}
	}
	if c.MaxPending == 0 {
		c.MaxPending = defaultPending
	}
	if c.Version == 0 {
		c.Version = c.Purpose.Version()
	}
	return &Responder{
		config: c, start: now, cookies: new(cookieJar),
		hellos: limit.NewSources(c.HelloRate, sourceSlots), inits: limit.NewSources(c.InitRate, sourceSlots),
		recent: make(map[[16]byte]*Pending),
	}
}

// HandleDatagram handles a HELLO or an INIT. It returns a reply for the sender, or an Incoming that waits for
// Accept, or neither if the datagram was dropped. It does not keep d.
//
// An INIT costs two public-key operations, so a caller may want to handle it on another goroutine than the one
// that reads: see Admit and Respond. Hello is cheap.
func (r *Responder) HandleDatagram(now time.Time, from netip.AddrPort, d []byte) (reply []byte, in *Incoming) {
	if len(d) > 0 && d[0] == rendezvous.TypeHello {
		return r.Hello(now, from, d), nil
	}
	return r.Init(now, from, d)
}

// Hello returns the COOKIE for a HELLO, which is shorter than it, or nil. If the HELLO has another version, the
// COOKIE names this one and holds no cookie.
func (r *Responder) Hello(now time.Time, from netip.AddrPort, d []byte) []byte {
	h, err := rendezvous.ParseHello(d)
	if err != nil || h.Purpose != r.config.Purpose {
		return nil
	}
	if !r.hellos.Allow(now.Sub(r.start), from.Addr()) {
		r.drops.limited.Add(1)
		return nil
	}
	c := rendezvous.CookieReply{
		Version: r.config.Version, Purpose: h.Purpose, Nonce: h.Nonce,
		Key: [identity.KeySize]byte(r.config.Key.Public().Bytes()), Observed: from,
	}
	if h.Version == c.Version {
		c.Cookie = r.cookies.make(now, h.Purpose, h.Nonce, from)
		return c.Append(nil)
	}
	r.drops.version.Add(1)
	if r.config.OnVersion != nil {
		r.config.OnVersion(from, h.Version)
	}
	return c.Append(nil)
}

// Init handles an INIT: see HandleDatagram.
func (r *Responder) Init(now time.Time, from netip.AddrPort, d []byte) (reply []byte, in *Incoming) {
	hs, reply := r.Admit(now, from, d)
	if hs == nil {
		return reply, nil
	}
	return nil, r.Respond(hs)
}

// Admit is the cheap part of Init: it checks the cookie, that the INIT is new, and the limits. If there is
// nothing left for Respond to do, it returns the reply, or nil.
func (r *Responder) Admit(now time.Time, from netip.AddrPort, d []byte) (*Pending, []byte) {
	m, err := rendezvous.ParseInitiation(d)
	if err != nil || m.Purpose != r.config.Purpose || m.Version != r.config.Version {
		return nil, nil
	}
	if !r.cookies.check(now, m.Cookie, m.Purpose, m.Nonce, from) {
		r.drops.cookie.Add(1)
		return nil, nil
	}
	return r.remember(now, from, d)
}

// Respond is the expensive part of Init: the public-key operations. It returns nil if the INIT does not verify.
func (r *Responder) Respond(hs *Pending) *Incoming {
	m, err := rendezvous.ParseInitiation(hs.init)
	if err != nil {
		return nil
	}
	state, payload, err := noise.Respond(r.config.Key, rendezvous.Prologue(m.Version, m.Purpose), m.Noise)
	if err != nil {
		r.drops.handshake.Add(1)
		return nil
	}
	in := &Incoming{
		From: hs.From, Remote: state.Remote(), Index: m.Index, Payload: payload,
		responder: r, handshake: hs, state: state, size: len(hs.init),
	}
	hs.init = nil
	return in
}

// Forget removes an INIT that was admitted, so that a retransmission is admitted again.
func (r *Responder) Forget(hs *Pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.recent, hs.digest)
}

// remember returns a new record for an INIT with a valid cookie. For a known INIT, or beyond the limits, it
// returns nil and the reply, if there is one.
func (r *Responder) remember(now time.Time, from netip.AddrPort, d []byte) (*Pending, []byte) {
	sum := sha256.Sum256(rendezvous.AppendAddr(append([]byte(nil), d...), from))
	digest := [16]byte(sum[:])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetLocked(now)
	if hs := r.recent[digest]; hs != nil {
		return nil, hs.response
	}
	if !r.inits.Allow(now.Sub(r.start), from.Addr()) {
		r.drops.limited.Add(1)
		return nil, nil
	}
	hs := &Pending{From: from, digest: digest, received: now, init: bytes.Clone(d)}
	r.recent[digest] = hs
	r.oldest = append(r.oldest, hs)
	return hs, nil
}

func (r *Responder) forgetLocked(now time.Time) {
	// If the table is full, the oldest entry goes: an honest initiator has its RESPONSE by then, and new ones are
	// not kept out.
	for len(r.oldest) > 0 && (now.Sub(r.oldest[0].received) >= PendingLife || len(r.oldest) >= r.config.MaxPending) {
		if hs := r.oldest[0]; r.recent[hs.digest] == hs {
			delete(r.recent, hs.digest)
		}
		r.oldest[0] = nil
		r.oldest = r.oldest[1:]
	}
}

// An Incoming is a session that an initiator wants to make. It receives at From and holds the secret key of
// Remote, but the INIT may be a replay: nothing may follow from it until the first packet of the session was
// opened.
type Incoming struct {
	From    netip.AddrPort
	Remote  identity.PublicKey
	Index   uint32 // of the initiator, for packets to it
	Payload []byte

	responder *Responder
	handshake *Pending
	state     *noise.Responder
	size      int
}

// Accept returns the RESPONSE, to be sent to From, and the session's secrets. The index is for packets to the
// responder. The RESPONSE must not be longer than the INIT was; a payload that makes it so is an error. An
// Incoming that is not wanted is simply not accepted.
func (in *Incoming) Accept(index uint32, payload []byte) ([]byte, noise.Secrets, error) {
	room := min(in.size-rendezvous.ResponseHeader-noise.Message2Overhead, respPayload)
	msg, secrets, err := in.state.Reply(rendezvous.Pad(payload, room))
	if err != nil {
		return nil, noise.Secrets{}, err
	}
	c := in.responder.config
	m := rendezvous.Response{Version: c.Version, Purpose: c.Purpose, Initiator: in.Index, Index: index, Noise: msg}
	d := m.Append(nil)
	if len(d) > in.size {
		return nil, noise.Secrets{}, rendezvous.ErrMalformed
	}
	in.responder.mu.Lock()
	defer in.responder.mu.Unlock()
	in.handshake.response = d
	return d, secrets, nil
}
