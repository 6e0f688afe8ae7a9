package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
)

// requestPatience is how long a request is retransmitted. It is shorter than rendezvous.IntroductionLife, so
// that no introduction is made twice.
const requestPatience = 8 * time.Second

// busyRetry is the pause before a request is sent again that was refused as one too many.
const busyRetry = 200 * time.Millisecond

// firstRetry is the first retransmission interval of a request. Each is twice the one before.
const firstRetry = 100 * time.Millisecond

// lastRequestRetry is the longest retransmission interval.
const lastRequestRetry = 500 * time.Millisecond

// A request waits for the server's answer.
type request struct {
	ctx   context.Context
	kind  rendezvous.Kind
	body  []byte
	reply chan reply // of size 1

	tries int
	began time.Time
	next  time.Time
	wait  time.Duration
	busy  bool // the last answer was that there are too many
}

type reply struct {
	message rendezvous.Message
	err     error
}

// restart sends the request at once.
func (r *request) restart(now time.Time) {
	if r.began.IsZero() {
		r.began = now
	}
	r.next, r.wait = now, firstRetry
}

// shortenAfter is how many times a request is sent at full length.
const shortenAfter = 2

// shorten cuts a LIST that goes unanswered to the length that every path carries.
func (r *request) shorten() {
	if r.tries++; r.kind == rendezvous.KindList && r.tries >= shortenAfter {
		r.body = r.body[:min(len(r.body), rendezvous.MaxBody)]
	}
}

// A Found is a process of a peer, to be reached through the server.
type Found struct {
	Key      identity.PublicKey // hashes to the GUID that was asked for
	Instance uint64
	Version  byte // of the links that the peer makes
}

// Lookup returns the process of a peer that receives calls, among those that have all bits of takes (see
// Config.Takes). It returns ErrNotFound if there is none.
func (c *Client) Lookup(ctx context.Context, g identity.GUID, takes uint32) (Found, error) {
	return c.lookup(ctx, rendezvous.Lookup{GUID: g, Takes: takes})
}

// LookupInstance returns one process of a peer, whether it receives calls or not. It returns ErrNotFound if it
// is not registered.
func (c *Client) LookupInstance(ctx context.Context, g identity.GUID, instance uint64) (Found, error) {
	return c.lookup(ctx, rendezvous.Lookup{GUID: g, Instance: instance})
}

func (c *Client) lookup(ctx context.Context, l rendezvous.Lookup) (Found, error) {
	g := l.GUID
	m, err := c.ask(ctx, rendezvous.KindLookup, rendezvous.KindFound, l.Append(nil))
	if err != nil {
		return Found{}, err
	}
	f, err := rendezvous.ParseFound(m.Body)
	if err != nil {
		return Found{}, err
	}
	key, err := identity.NewPublicKey(f.Key[:])
	if err != nil || key.GUID() != g {
		return Found{}, fmt.Errorf("looking up %v: the server's answer is of another peer", g)
	}
	return Found{Key: key, Instance: f.Instance, Version: f.Version}, nil
}

// maxListing bounds how many peers List accepts.
const maxListing = 1 << 20

// List returns the peers that are listening and agreed to be listed, in no particular order. Their names are
// unverified. The server limits the rate of requests, so a long list takes time, but at most 8 s for each page;
// then List returns ErrTooMany.
func (c *Client) List(ctx context.Context) ([]rendezvous.Listing, error) {
	var all []rendezvous.Listing
	seen := make(map[identity.GUID]bool)
	received := 0
	size := rendezvous.MaxListBody
	for cursor := uint64(0); ; {
		m, err := c.ask(ctx, rendezvous.KindList, rendezvous.KindPeers, rendezvous.List{Cursor: cursor}.Append(nil)[:size])
		if err != nil {
			return nil, err
		}
		p, err := rendezvous.ParsePage(m.Body)
		if err != nil {
			return nil, err
		}
		for _, l := range p.Peers {
			if !seen[l.GUID] {
				seen[l.GUID] = true
				all = append(all, l)
			}
		}
		if received += len(p.Peers); len(p.Append(nil)) <= rendezvous.MaxBody {
			size = rendezvous.MaxBody // longer answers seem to get lost
		}
		if p.Next == 0 || received >= maxListing {
			return all, nil
		}
		if len(p.Peers) == 0 || cursor != 0 && p.Next >= cursor {
			return nil, rendezvous.ErrMalformed // it would never end
		}
		cursor = p.Next
	}
}

// An Introduction is the request to call a peer's process.
type Introduction struct {
	GUID     identity.GUID
	Instance uint64 // 0: the listener
	Version  byte   // of the link
	What     rendezvous.What
	Data     []byte // at most MaxIntroduction bytes, sealed for the peer
}

// An Introduced is the callee's answer.
type Introduced struct {
	Observed netip.AddrPort // the peer's address as the server sees it
	Channel  uint64         // of the relay; 0: none
	Data     []byte         // sealed by the peer
}

// Introduce sends data to a peer through the server and returns its answer. It returns ErrNotFound, ErrRefused,
// ErrTooMany, ErrUnanswered after 8 s, or the error of ctx.
func (c *Client) Introduce(ctx context.Context, i Introduction) (Introduced, error) {
	if len(i.Data) > rendezvous.MaxIntroduction {
		return Introduced{}, fmt.Errorf("an introduction of %d bytes is too long, at most %d go through", len(i.Data), rendezvous.MaxIntroduction)
	}
	body := rendezvous.Introduce{GUID: i.GUID, Instance: i.Instance, Version: i.Version, What: i.What, Data: i.Data}
	m, err := c.ask(ctx, rendezvous.KindIntroduce, rendezvous.KindIntroduced, body.Append(nil))
	if err != nil {
		return Introduced{}, err
	}
	b, err := rendezvous.ParseIntroduced(m.Body)
	return Introduced{Observed: b.Observed, Channel: b.Channel, Data: b.Data}, err
}

// ask sends a request as soon as the client is registered, and waits for its answer. It returns
// ErrUnanswered if there is none in time, also where the session is lost meanwhile: registering
// again may take any time.
func (c *Client) ask(ctx context.Context, k, want rendezvous.Kind, body []byte) (rendezvous.Message, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the keeper forgets the request
	r := &request{ctx: ctx, kind: k, body: body, reply: make(chan reply, 1)}
	if err := c.submit(r); err != nil {
		return rendezvous.Message{}, err
	}
	late := time.NewTimer(requestPatience + lastRequestRetry)
	defer late.Stop()
	select {
	case a := <-r.reply:
		if a.err == nil && a.message.Kind != want {
			return rendezvous.Message{}, rendezvous.ErrMalformed
		}
		return a.message, a.err
	case <-late.C:
		return rendezvous.Message{}, ErrUnanswered
	case <-ctx.Done():
		return rendezvous.Message{}, context.Cause(ctx)
	case <-c.done:
		return rendezvous.Message{}, ErrClosed
	}
}

// submit passes a request to the keeper once there is one. It fails while the server is refused.
func (c *Client) submit(r *request) error {
	for {
		c.mu.Lock()
		err, changed := c.err, c.changed
		c.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case c.requests <- r:
			return nil
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		case <-changed:
		}
	}
}

// reply passes an answer to the request that waits for it.
func (k *keeper) reply(m rendezvous.Message) {
	r := k.c.pending[m.Request]
	if r == nil {
		return
	}
	a := reply{message: m}
	if m.Kind == rendezvous.KindFailed {
		a.err = failure(m)
	}
	if r.busy = errors.Is(a.err, ErrTooMany); r.busy {
		r.next = time.Now().Add(busyRetry)
		return
	}
	delete(k.c.pending, m.Request)
	r.reply <- a
}

func failure(m rendezvous.Message) error {
	c, err := rendezvous.ParseFailed(m.Body)
	if err != nil {
		return err
	}
	switch c {
	case rendezvous.CodeNotFound:
		return ErrNotFound
	case rendezvous.CodeRefused:
		return ErrRefused
	case rendezvous.CodeTooMany:
		return ErrTooMany
	}
	return fmt.Errorf("the server failed the request with code %d", c)
}

// gaveUp returns the error of a request that was retransmitted for requestPatience.
func (r *request) gaveUp() error {
	if r.busy {
		return ErrTooMany
	}
	return ErrUnanswered
}

// retransmit sends the requests that are due and returns when the next one is.
func (k *keeper) retransmit(now time.Time) (next time.Time) {
	for number, r := range k.c.pending {
		switch {
		case r.ctx.Err() != nil:
			delete(k.c.pending, number)
			continue
		case now.Sub(r.began) >= requestPatience:
			delete(k.c.pending, number)
			r.reply <- reply{err: r.gaveUp()}
			continue
		case !now.Before(r.next):
			if now.Sub(r.began) >= requestDoubt {
				k.checkSize(now)
			}
			k.send(rendezvous.Message{Kind: r.kind, Request: number, Body: r.body})
			r.shorten()
			r.next, r.wait = now.Add(r.wait), min(2*r.wait, lastRequestRetry)
		}
		if next.IsZero() || r.next.Before(next) {
			next = r.next
		}
	}
	return next
}
