package rendezvous

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
)

// initPayload is what the payload of an INIT is padded to, and respPayload that of a
// RESPONSE: both are SureDatagram long then, so that a session is made only where the path
// carries such, both ways, and no RESPONSE is longer than its INIT.
const (
	initPayload = SureDatagram - initHeader - noise.Message1Overhead
	respPayload = SureDatagram - respHeader - noise.Message2Overhead
)

// A handshake message is sent again after firstRetry, quickTries times: where half of all
// is lost, an answer takes four tries. Each further wait is twice as long, up to lastRetry.
const (
	firstRetry = 100 * time.Millisecond
	quickTries = 8
	lastRetry  = 500 * time.Millisecond
	initTries  = 11 // then the cookie may be out of date
	unlimited  = -1
)

// DialConfig tells how to make a session.
type DialConfig struct {
	Key     identity.SecretKey
	Remote  netip.AddrPort // where the responder answers
	Purpose Purpose
	Version byte   // of the protocol; 0: the purpose's
	Index   uint32 // what packets to the caller shall bear

	// Payload makes the payload of Noise message 1. It is padded with zeros.
	Payload func() []byte

	// Check is asked whether the responder may have this key; its error ends
	// the attempt. It runs on the goroutine of Run.
	Check func(identity.PublicKey) error

	// Send sends a datagram to Remote. It keeps nothing of it.
	Send func(datagram []byte)
}

// A Session is what a Dial gives.
type Session struct {
	Remote   identity.PublicKey
	Addr     netip.AddrPort // where the responder answered
	Index    uint32         // the responder's: stands in packets to it
	Observed netip.AddrPort // the own address as the responder saw it, unauthenticated
	Payload  []byte         // of Noise message 2
	Secrets  noise.Secrets
}

// A Dial makes one session, as initiator. HandleDatagram feeds it while Run
// waits.
type Dial struct {
	config   DialConfig
	received chan []byte
}

// NewDial prepares to make a session.
func NewDial(c DialConfig) *Dial {
	if c.Version == 0 {
		c.Version = c.Purpose.version()
	}
	return &Dial{config: c, received: make(chan []byte, 8)}
}

// HandleDatagram takes a copy of a COOKIE or RESPONSE from the responder's
// address, and reports whether the datagram looked like one for a session of this
// purpose. It never blocks.
func (d *Dial) HandleDatagram(from netip.AddrPort, b []byte) bool {
	if from != d.config.Remote || len(b) < 4 || Purpose(b[2]) != d.config.Purpose || b[0] != TypeCookie && b[0] != TypeResponse {
		return false
	}
	select {
	case d.received <- append([]byte(nil), b...):
	default:
	}
	return true
}

// Run makes the session: two round trips. It sends lost messages again, and
// begins anew where the responder has forgotten about it, until ctx ends. The
// session stands at the responder once it has received a packet of it. Where the responder
// speaks another version, the error is a *VersionError. If it answered short messages alone until the end,
// the error wraps ErrNarrow.
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

// hello asks for a cookie until there is one.
func (d *Dial) hello(ctx context.Context) (cookieReply, error) {
	h := hello{version: d.config.Version, purpose: d.config.Purpose}
	rand.Read(h.nonce[:])
	var c cookieReply
	err := d.exchange(ctx, h.Append(nil), unlimited, func(b []byte) (done bool) {
		m, err := parseCookieReply(b)
		c = m
		return err == nil && m.nonce == h.nonce && m.purpose == h.purpose
	})
	switch {
	case err != nil:
		return c, err
	case c.version != d.config.Version:
		return c, &VersionError{Theirs: c.version, Ours: d.config.Version}
	}
	return c, nil
}

// init makes the session with a cookie. Again says that there was no answer,
// and that a new cookie may help.
func (d *Dial) init(ctx context.Context, c cookieReply) (s Session, again bool, err error) {
	key, err := identity.NewPublicKey(c.key[:])
	if err != nil {
		return s, false, err
	}
	if d.config.Check != nil {
		if err := d.config.Check(key); err != nil {
			return s, false, err
		}
	}
	payload := pad(d.config.Payload(), initPayload)
	state, msg, err := noise.Initiate(d.config.Key, key, Prologue(c.version, c.purpose), payload)
	if err != nil {
		return s, false, err
	}
	m := initiation{version: c.version, purpose: c.purpose, index: d.config.Index, nonce: c.nonce, cookie: c.cookie, noise: msg}
	s = Session{Remote: key, Addr: d.config.Remote, Observed: c.observed}
	err = d.exchange(ctx, m.Append(nil), initTries, func(b []byte) bool {
		r, err := parseResponse(b)
		if err != nil || r.initiator != m.index || r.version != m.version || r.purpose != m.purpose {
			return false
		}
		s.Payload, s.Secrets, err = state.Finish(r.noise)
		s.Index = r.index
		return err == nil
	})
	return s, errors.Is(err, errUnanswered), err
}

var errUnanswered = errors.New("no answer")

// exchange sends a message, again and again, until accept takes an answer.
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
				return errUnanswered
			}
			d.config.Send(msg)
			n++
			timer.Reset(min(firstRetry<<min(max(n-quickTries, 0), 10), lastRetry))
		}
	}
}
