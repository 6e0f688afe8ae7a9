package client

import (
	"net/netip"
	"time"

	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/tunnel"
)

// alive handles an ALIVE, or a REPLACED in its place.
func (k *keeper) alive(now time.Time, from netip.AddrPort, m rendezvous.Message) {
	a, err := rendezvous.ParseAlive(m.Body)
	if err != nil {
		return
	}
	k.noteListener(m)
	if m.Request == 0 {
		return // not an answer
	}
	k.interval = seconds(a.Seconds)
	full := len(m.Body) >= rendezvous.MaxBody
	if from != k.session.Addr {
		if full {
			k.tried(now, from, a)
		}
		return
	}
	k.size.answered(now, m.Request, full)
	k.token = a.Token
	if a.Token != 0 {
		k.proveAddress(now, m.Request)
		return
	}
	k.waits, k.nextKeepalive = nil, now.Add(k.interval)
	k.noteObserved(now, a.Observed)
}

// noteListener notes whether another process of this key listens instead of this one. An answer to a request
// from before the first REPLACED says nothing about that.
func (k *keeper) noteListener(m rendezvous.Message) {
	c := k.c
	switch {
	case m.Kind == rendezvous.KindReplaced && !c.replaced:
		c.replaced, c.replacedAt = true, c.lastReq
		if c.config.OnReplaced != nil {
			c.config.OnReplaced()
		}
	case m.Kind == rendezvous.KindAlive && c.replaced && m.Request > c.replacedAt:
		c.replaced = false
		if c.config.OnRestored != nil {
			c.config.OnRestored()
		}
	}
}

// proveAddress returns the token that proves this host's new address, and repeats the request that was answered
// with the token.
func (k *keeper) proveAddress(now time.Time, number uint32) {
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

// noteObserved notes the address at which the server sees this host.
func (k *keeper) noteObserved(now time.Time, observed netip.AddrPort) {
	ip := k.session.Addr.Addr()
	switch old := k.c.View(); {
	case tunnel.Marked(ip):
		k.c.setView(func(v *View) { v.Stream = observed })
	case old.of(ip).Main != observed:
		k.stun.restart(now)
		k.c.setView(func(v *View) { *v.of(ip) = Observed{Main: observed} })
	}
}
