package rendezvous

import (
	"net/netip"
	"time"

	"p2ptool/p2p/tunnel"
)

// alive takes an ALIVE, or a REPLACED that stands for one.
func (k *keeper) alive(now time.Time, from netip.AddrPort, m message) {
	a, err := parseAlive(m.body)
	if err != nil {
		return
	}
	k.listens(m)
	if m.request == 0 {
		return // not an answer
	}
	k.interval = seconds(a.seconds)
	full := len(m.body) >= maxBody
	if from != k.session.Addr {
		if full {
			k.tried(now, from, a)
		}
		return
	}
	k.size.answered(now, m.request, full)
	k.token = a.token
	if a.token != 0 {
		k.moved(now, m.request)
		return
	}
	k.waits, k.next = nil, now.Add(k.interval)
	k.seen(now, a.observed)
}

// listens notes whether another process listens in the place of this one. An answer to
// what was asked before it was told so says nothing of it.
func (k *keeper) listens(m message) {
	c := k.c
	switch {
	case m.kind == kindReplaced && !c.replaced:
		c.replaced, c.replacedAt = true, c.lastReq
		if c.config.OnReplaced != nil {
			c.config.OnReplaced()
		}
	case m.kind == kindAlive && c.replaced && m.request > c.replacedAt:
		c.replaced = false
		if c.config.OnRestored != nil {
			c.config.OnRestored()
		}
	}
}

// moved proves to the server that this host receives at its new address, and
// repeats the request that was answered with the token, if one was.
func (k *keeper) moved(now time.Time, number uint32) {
	if now.Sub(k.returned) < tokenPause {
		return // the next KEEPALIVE or repetition does it
	}
	k.returned = now
	k.waits = nil // the server lives
	k.probe(now, patientWaits)
	if r := k.c.pending[number]; r != nil {
		r.restart(now)
	}
}

// seen takes the address at which the server sees this host.
func (k *keeper) seen(now time.Time, observed netip.AddrPort) {
	ip := k.session.Addr.Addr()
	switch old := k.c.View(); {
	case tunnel.Marked(ip):
		k.c.setView(func(v *View) { v.Stream = observed })
	case old.of(ip).Main != observed:
		k.stun.restart(now)
		k.c.setView(func(v *View) { *v.of(ip) = Observed{Main: observed} })
	}
}
