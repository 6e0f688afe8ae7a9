package client

import (
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
)

// patientWaits are the pauses after each unanswered KEEPALIVE; after the last the server is lost. The first are
// short because at 50 % loss an answer takes four tries.
var patientWaits = []time.Duration{
	100 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 150 * time.Millisecond,
	250 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond,
	time.Second, time.Second, time.Second, 1750 * time.Millisecond,
}

// tokenPause is the least time between two KEEPALIVEs with a token, which would otherwise never end behind a NAT
// that maps each packet anew.
const tokenPause = 200 * time.Millisecond

// unknownGrace is the time between an UNKNOWN and the end of the session, unless a packet of the session
// arrives: an attacker who sees packets, but cannot stop them, may have sent the UNKNOWN.
const unknownGrace = 100 * time.Millisecond

// recentTags is how many sent packets an UNKNOWN may refer to.
const recentTags = 16

// A keeper keeps one session with the server alive. It belongs to the client's goroutine.
type keeper struct {
	c               *Client
	session         handshake.Session
	crypto          noise.Compact
	interval        time.Duration
	nextKeepalive   time.Time       // of the next KEEPALIVE
	waits           []time.Duration // for the answer to the last one; nil: there was one
	registered      bool            // the server has shown that it has the session
	lost            bool
	token           uint64                     // to be returned with the next KEEPALIVE
	returned        time.Time                  // when a token was last returned
	tags            [recentTags]rendezvous.Tag // of the packets sent last
	sent            int                        // packets
	unknownSince    time.Time                  // when an UNKNOWN came that no packet of the session followed; zero: none did
	unansweredSince time.Time                  // when the first KEEPALIVE that is unanswered was sent
	calls           calls
	stun            stunClient
	size            sizeCheck
	ways
}

func newKeeper(c *Client, s handshake.Session, servers []netip.AddrPort) *keeper {
	k := &keeper{c: c, session: s, crypto: s.Secrets.NewCompact(), calls: newCalls(), size: sizeCheck{passed: time.Now()}}
	w, err := rendezvous.ParseWelcome(s.Payload)
	if err != nil {
		k.lost = true // not a server of this protocol
	}
	k.interval = seconds(w.Seconds)
	k.ways.init(c.ctx, servers, w.Second)
	view := k.settle(w.Observed)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view = view
	return k
}

// seconds returns the interval between KEEPALIVEs that the server asks for, bounded because NATs forget mappings
// after 30 s.
func seconds(n uint16) time.Duration { return time.Duration(min(max(n, 1), 25)) * time.Second }

// run keeps the session until it is lost or the client is closed.
func (k *keeper) run() {
	c := k.c
	if !k.lost {
		now := time.Now()
		k.probe(now, patientWaits) // this packet confirms the session
		k.stun.restart(now)
		for _, r := range c.pending {
			r.restart(now)
		}
		k.loop()
	}
	c.mu.Lock()
	c.connection = connection{}
	c.mu.Unlock()
	if c.ctx.Err() != nil {
		k.send(rendezvous.Message{Kind: rendezvous.KindBye})
	}
	k.leave()
	if c.ctx.Err() != nil {
		return
	}
	if k.registered {
		c.setState(Lost, nil)
		if c.config.OnLost != nil {
			c.config.OnLost()
		}
	}
}

// confirmed records that a packet of the session arrived: the server has confirmed the session, and others find
// this peer from now on.
func (k *keeper) confirmed() {
	if k.registered {
		return
	}
	k.registered = true
	k.c.setState(Registered, nil)
	k.announce()
}

func (k *keeper) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !k.lost {
		select {
		case <-k.c.ctx.Done():
			return
		case r := <-k.c.received:
			k.datagram(time.Now(), r)
		case r := <-k.c.requests:
			k.c.lastReq++
			k.c.pending[k.c.lastReq] = r
			r.restart(time.Now())
		case <-k.c.wake:
			k.answerCalls()
		case <-k.c.refresh:
			k.hasten(time.Now())
			k.probe(time.Now(), patientWaits)
			k.checkSize(time.Now())
		case <-k.ended:
			k.streamEnded(time.Now())
		case addr := <-k.opened:
			k.streamOpened(addr)
		case <-timer.C:
		}
		timer.Reset(time.Until(k.tick(time.Now())))
	}
}

// tick does what is due and returns when to come back.
func (k *keeper) tick(now time.Time) time.Time {
	if !now.Before(k.nextKeepalive) {
		switch {
		case k.waits == nil:
			k.probe(now, patientWaits)
			if now.Sub(k.size.passed) >= sizeCheckEvery {
				k.checkSize(now)
			}
		case len(k.waits) == 0:
			k.lost = true
		default:
			k.keepalive(now)
		}
	}
	k.calls.forget(now)
	next := k.nextKeepalive
	if !k.unknownSince.IsZero() {
		at := k.unknownSince.Add(unknownGrace)
		k.lost = k.lost || !now.Before(at)
		next = at
	}
	if at := k.retransmit(now); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at := k.stun.tick(now, k.c.config.Send); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at := k.sizeTick(now); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at := k.tryUDP(now); !at.IsZero() && at.Before(next) {
		next = at
	}
	return next
}

// probe sends a KEEPALIVE, and others after each of waits until one is answered. If that is already under way it
// is not restarted unless it would take longer than waits: a link without a path calls this every second, and
// that must not keep a dead server from being given up.
func (k *keeper) probe(now time.Time, waits []time.Duration) {
	if k.waits == nil {
		k.unansweredSince = now
		k.c.silent.CompareAndSwap(0, now.UnixNano())
	}
	if k.waits == nil || k.nextKeepalive.Add(sum(k.waits)).After(now.Add(sum(waits))) {
		k.waits = waits
		k.keepalive(now)
		return
	}
	k.ask()
}

func sum(waits []time.Duration) (d time.Duration) {
	for _, w := range waits {
		d += w
	}
	return d
}

func (k *keeper) keepalive(now time.Time) {
	k.nextKeepalive, k.waits = now.Add(k.waits[0]), k.waits[1:]
	k.ask()
	if now.Sub(k.unansweredSince) >= doubtAfter {
		k.doubt(now)
	}
}

func (k *keeper) ask() { k.askIn(rendezvous.KeepaliveSize) }

// askIn sends a KEEPALIVE whose body, like that of the ALIVE, has size bytes.
func (k *keeper) askIn(size int) {
	k.c.lastReq++
	k.send(rendezvous.Message{Kind: rendezvous.KindKeepalive, Request: k.c.lastReq, Body: rendezvous.Keepalive{Token: k.token}.AppendIn(nil, size)})
}

func (k *keeper) send(m rendezvous.Message) { k.sendTo(k.session.Addr, m) }

func (k *keeper) sendTo(addr netip.AddrPort, m rendezvous.Message) {
	b := make([]byte, noise.HeaderSize, rendezvous.MaxDatagram)
	d, err := k.crypto.Seal(m.Append(b), rendezvous.TypeData, k.session.Index)
	if err != nil {
		k.lost = true // out of packet numbers
		return
	}
	k.tags[k.sent%recentTags] = rendezvous.TagOf(d)
	k.sent++
	k.c.config.Send(addr, d)
}

func (k *keeper) datagram(now time.Time, r received) {
	switch d := r.datagram; {
	case d[0] == rendezvous.TypeData:
		if plain, _, err := k.crypto.Open(d); err == nil {
			k.unknownSince = time.Time{}
			k.c.silent.Store(0)
			k.confirmed()
			if m, err := rendezvous.ParseMessage(plain); err == nil {
				k.message(now, r.from, m)
			}
		}
	case d[0] == rendezvous.TypeUnknown:
		index, t, err := rendezvous.ParseUnknown(d)
		if err == nil && index == k.session.Index && slices.Contains(k.tags[:], t) && k.unknownSince.IsZero() {
			k.unknownSince = now
		}
	default:
		if k.stun.response(r.from, d) {
			k.c.setView(k.stun.apply)
		}
	}
}

func (k *keeper) message(now time.Time, from netip.AddrPort, m rendezvous.Message) {
	switch m.Kind {
	case rendezvous.KindAlive, rendezvous.KindReplaced:
		k.alive(now, from, m)
	case rendezvous.KindCall:
		k.call(now, m)
	default:
		k.reply(m)
	}
}

// answerCalls sends the answers that the application has given to calls.
func (k *keeper) answerCalls() {
	k.c.mu.Lock()
	answers := k.c.answers
	k.c.answers = nil
	k.c.mu.Unlock()
	for _, a := range answers {
		if a.session == k.session.Index && k.calls.answer(a.message) {
			k.send(a.message)
		}
	}
}
