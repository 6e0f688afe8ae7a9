package path

import (
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/limit"
)

// Where links may send packets that nobody has asked for. Each link probes few addresses that
// only its peer names (budget), and each address by a schedule that ends; but a
// process has many links, and a hostile server or peers make as many as they like.
var (
	// namedRate is for hosts that only the peer of a link names, or that packets
	// claim to come from.
	namedRate = limit.Rate{PerSecond: 0.1, Burst: 16}
	// observedRate is for hosts at which a server saw the peer.
	observedRate = limit.Rate{PerSecond: 0.5, Burst: 64}
	// fullRate is for those of the packets to a host at which a server saw the peer that have
	// MinMTU bytes. Hosts that only the peer names get none before they have answered.
	fullRate = limit.Rate{PerSecond: 0.05, Burst: 8}
)

const (
	targetSlots = 1 << 12
	maxProven   = 1 << 12          // hosts
	provenFor   = 10 * time.Minute // since a host last answered
)

// Targets bounds what several links together send to hosts that have not answered: PINGs,
// openers, PONGs and CLOSEs. A host is an IPv4 address, or the 64 bits of an IPv6 network. A host that has answered
// one link is not bounded for the others, and neither is a relay. It is safe for
// concurrent use.
type Targets struct {
	began                 time.Time
	named, observed, full *limit.Sources

	mu     sync.Mutex // guards proven
	proven map[netip.Addr]time.Time
}

// NewTargets returns one for which nothing was sent yet.
func NewTargets() *Targets {
	return &Targets{
		began: time.Now(),
		named: limit.NewSources(namedRate, targetSlots), observed: limit.NewSources(observedRate, targetSlots),
		full:   limit.NewSources(fullRate, targetSlots),
		proven: make(map[netip.Addr]time.Time),
	}
}

// allow reports whether a packet may be sent to a host, and counts it.
func (t *Targets) allow(now time.Time, to netip.Addr, observed bool) bool {
	if t.answers(now, to) {
		return true
	}
	limit := t.named
	if observed {
		limit = t.observed
	}
	return limit.Allow(now.Sub(t.began), to)
}

// allowFull reports whether a packet may have MinMTU bytes, and counts it.
func (t *Targets) allowFull(now time.Time, to netip.Addr, observed bool) bool {
	return t.answers(now, to) || observed && t.full.Allow(now.Sub(t.began), to)
}

// answered notes that a host has answered a ping.
func (t *Targets) answered(now time.Time, host netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.proven[host]; !known && len(t.proven) >= maxProven {
		for h, at := range t.proven {
			if now.Sub(at) >= provenFor {
				delete(t.proven, h)
			}
		}
		if len(t.proven) >= maxProven {
			return
		}
	}
	t.proven[host] = now
}

func (t *Targets) answers(now time.Time, host netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.proven[host]
	return ok && now.Sub(at) < provenFor
}

// MayReach reports whether a packet may be sent on a path, and counts it if the path has never been
// valid.
func (m *Manager) MayReach(now time.Time, p *Path) bool {
	m.now = now
	t := m.cfg.Targets
	if t == nil || p.State != Untested || p.Relayed() || p.round {
		return true
	}
	return t.allow(m.now, p.Route.Addr.Addr(), m.vouched(p))
}

// mayFill reports whether a ping on a path that is not valid may have MinMTU bytes: one of any size was
// answered there, or a server saw the peer at that host and few went there yet.
func (m *Manager) mayFill(p *Path) bool {
	t := m.cfg.Targets
	if t == nil || p.State != Untested || p.Relayed() || p.narrow {
		return true
	}
	return t.allowFull(m.now, p.Route.Addr.Addr(), m.vouched(p))
}

// vouched reports whether not only the peer says that it receives at the path's host.
func (m *Manager) vouched(p *Path) bool { return p.vouched || p.Route.Addr.Addr() == m.observed.Addr() }

// noteAnswer lets the other links know that a host has answered.
func (m *Manager) noteAnswer(p *Path) {
	if m.cfg.Targets != nil && !p.Relayed() && p.Kind != Relay {
		m.cfg.Targets.answered(m.now, p.Route.Addr.Addr())
	}
}
