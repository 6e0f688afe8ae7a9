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
	if m.kind == kindReplaced && !k.c.replaced {
		k.c.replaced = true
		if k.c.config.OnReplaced != nil {
			k.c.config.OnReplaced()
		}
	}
	if m.request == 0 {
		return // not an answer
	}
	k.interval = seconds(a.seconds)
	if from != k.session.Addr {
		k.tried(now, from, a)
		return
	}
	k.token = a.token
	if a.token != 0 {
		k.moved(now, m.request)
		return
	}
	k.waits, k.next = nil, now.Add(k.interval)
	k.seen(now, a.observed)
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
