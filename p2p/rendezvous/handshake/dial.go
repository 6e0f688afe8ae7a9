package handshake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
)

// ErrNarrow says that the server answers small packets over UDP, but that none of SureDatagram bytes, which
// introductions need, pass in both directions.
var ErrNarrow = errors.New("answers, but packets of 576 bytes do not get through")

// initPayload and respPayload are the padded lengths of the payloads of INIT and RESPONSE. Both datagrams are
// then SureDatagram long, so a session is made only on a path that carries such datagrams in both directions,
// and no RESPONSE is longer than its INIT.
const (
	initPayload = rendezvous.SureDatagram - rendezvous.InitHeader - noise.Message1Overhead
	respPayload = rendezvous.SureDatagram - rendezvous.ResponseHeader - noise.Message2Overhead
)

// A handshake message is sent quickTries times at intervals of firstRetry, since at 50 % loss an answer takes
// four tries, and then at doubling intervals up to lastRetry.
const (
	firstRetry = 100 * time.Millisecond
	quickTries = 8
	lastRetry  = 500 * time.Millisecond
	initTries  = 11 // then the cookie may have expired
	unlimited  = -1
)

// DialConfig configures a Dial.
type DialConfig struct {
	Key     identity.SecretKey
	Remote  netip.AddrPort // where the responder answers
	Purpose rendezvous.Purpose
	Version byte   // of the protocol; 0: the purpose's
	Index   uint32 // for packets to the initiator

	// Payload returns the payload of Noise message 1. It is padded with zeros.
	Payload func() []byte

	// Check is called with the responder's key, on the goroutine of Run; its error ends the attempt. Nil accepts
	// any.
	Check func(identity.PublicKey) error

	// Send sends a datagram to Remote. It must not keep it.
	Send func(datagram []byte)
}

// A Session is the result of a Dial.
type Session struct {
	Remote   identity.PublicKey
	Addr     netip.AddrPort // where the responder answered
	Index    uint32         // of the responder, for packets to it
	Observed netip.AddrPort // this side's address as the responder sees it, unauthenticated
	Payload  []byte         // of Noise message 2
	Secrets  noise.Secrets
}

// A Dial makes one session, as initiator. While Run waits, HandleDatagram has to be called with what arrives.
type Dial struct {
	config   DialConfig
	received chan []byte
}

// NewDial returns a Dial for one call of Run.
func NewDial(c DialConfig) *Dial {
	if c.Version == 0 {
		c.Version = c.Purpose.Version()
	}
	return &Dial{config: c, received: make(chan []byte, 8)}
}

// HandleDatagram copies a COOKIE or RESPONSE from the responder's address, and reports whether the datagram is
// one for a session of this purpose. It never blocks.
func (d *Dial) HandleDatagram(from netip.AddrPort, b []byte) bool {
	if from != d.config.Remote || len(b) < 4 || rendezvous.Purpose(b[2]) != d.config.Purpose || b[0] != rendezvous.TypeCookie && b[0] != rendezvous.TypeResponse {
		return false
	}
	select {
	case d.received <- append([]byte(nil), b...):
	default:
	}
	return true
}

// Run makes the session, in two round trips. It retransmits, and starts over if the responder has forgotten the
// handshake, until ctx ends. The responder confirms the session when it receives the first packet of it. If the
// responder speaks another version, the error is a *rendezvous.VersionError. If it answered short messages only
// until ctx ended, the error wraps ErrNarrow.
func (d *Dial) Run(ctx context.Context) (Session, error) {
	narrow := false
	for {
		c, err := d.hello(ctx)
		if err != nil {
			return Session{}, d.explain(ctx, narrow, err)
		}
		s, again, err := d.init(ctx, c)
		if !again {
			return s, d.explain(ctx, narrow, err)
		}
		narrow = true // HELLO and COOKIE are short
	}
}

func (d *Dial) explain(ctx context.Context, narrow bool, err error) error {
	if narrow && err != nil && ctx.Err() != nil {
		return fmt.Errorf("%v %w: %w", d.config.Remote, ErrNarrow, context.Cause(ctx))
	}
	return err
}

// hello sends HELLOs until a COOKIE arrives.
func (d *Dial) hello(ctx context.Context) (rendezvous.CookieReply, error) {
	h := rendezvous.Hello{Version: d.config.Version, Purpose: d.config.Purpose}
	rand.Read(h.Nonce[:])
	var c rendezvous.CookieReply
	err := d.exchange(ctx, h.Append(nil), unlimited, func(b []byte) (done bool) {
		m, err := rendezvous.ParseCookieReply(b)
		c = m
		return err == nil && m.Nonce == h.Nonce && m.Purpose == h.Purpose
	})
	switch {
	case err != nil:
		return c, err
	case c.Version != d.config.Version:
		return c, &rendezvous.VersionError{Theirs: c.Version, Ours: d.config.Version}
	}
	return c, nil
}

// init makes the session with a cookie. If again is true there was no answer, and a new cookie may help.
func (d *Dial) init(ctx context.Context, c rendezvous.CookieReply) (s Session, again bool, err error) {
	key, err := identity.NewPublicKey(c.Key[:])
	if err != nil {
		return s, false, err
	}
	if d.config.Check != nil {
		if err := d.config.Check(key); err != nil {
			return s, false, err
		}
	}
	payload := rendezvous.Pad(d.config.Payload(), initPayload)
	state, msg, err := noise.Initiate(d.config.Key, key, rendezvous.Prologue(c.Version, c.Purpose), payload)
	if err != nil {
		return s, false, err
	}
	m := rendezvous.Initiation{Version: c.Version, Purpose: c.Purpose, Index: d.config.Index, Nonce: c.Nonce, Cookie: c.Cookie, Noise: msg}
	s = Session{Remote: key, Addr: d.config.Remote, Observed: c.Observed}
	err = d.exchange(ctx, m.Append(nil), initTries, func(b []byte) bool {
		r, err := rendezvous.ParseResponse(b)
		if err != nil || r.Initiator != m.Index || r.Version != m.Version || r.Purpose != m.Purpose {
			return false
		}
		s.Payload, s.Secrets, err = state.Finish(r.Noise)
		s.Index = r.Index
		return err == nil
	})
	return s, errors.Is(err, errTries), err
}

// errTries ends an exchange whose message was sent the maximum number of times.
var errTries = errors.New("sent often enough")

// exchange sends a message, at most tries times, until accept returns true for an answer.
func (d *Dial) exchange(ctx context.Context, msg []byte, tries int, accept func([]byte) bool) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%v does not answer: %w", d.config.Remote, context.Cause(ctx))
		case b := <-d.received:
			if accept(b) {
				return nil
			}
		case <-timer.C:
			if n == tries {
				return errTries
			}
			d.config.Send(msg)
			n++
			timer.Reset(min(firstRetry<<min(max(n-quickTries, 0), 10), lastRetry))
		}
	}
}
