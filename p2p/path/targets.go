package path

import (
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/limit"
)

// Limits on packets that nobody asked for. Each link probes only a few addresses that only its peer
// names (budget), and each of them with a schedule that ends. But a process has many links, and a
// malicious server or malicious peers can create as many as they like.
var (
	// namedRate is for hosts that only the peer of a link names, or that packets
	// claim to come from.
	namedRate = limit.Rate{PerSecond: 0.1, Burst: 16}
	// observedRate is for hosts at which a server saw the peer.
	observedRate = limit.Rate{PerSecond: 0.5, Burst: 64}
	// fullRate is for packets of MinMTU bytes to a host at which a server saw the peer. Hosts
	// that only the peer names get none until they have answered.
	fullRate = limit.Rate{PerSecond: 0.05, Burst: 8}
)

const (
	targetSlots = 1 << 12
	maxProven   = 1 << 12          // hosts
	provenFor   = 10 * time.Minute // after a host last answered
)

// Targets limits what several links together send to hosts that have not answered: PINGs,
// openers, PONGs and CLOSEs. A host is an IPv4 address or a 64-bit IPv6 prefix. Hosts that
// have answered one link are not limited for the others, and relays are never limited.
// Targets is safe for concurrent use.
type Targets struct {
	began                 time.Time
	named, observed, full *limit.Sources

	mu     sync.Mutex // guards proven
	proven map[netip.Addr]time.Time
}

// NewTargets returns Targets that have not counted any packets yet.
func NewTargets() *Targets {
	return &Targets{
		began: time.Now(),
		named: limit.NewSources(namedRate, targetSlots), observed: limit.NewSources(observedRate, targetSlots),
		full:   limit.NewSources(fullRate, targetSlots),
		proven: make(map[netip.Addr]time.Time),
	}
}

// allow reports whether a packet may be sent to a host, and counts it if so.
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

// allowFull reports whether a packet may have MinMTU bytes, and counts it if so.
func (t *Targets) allowFull(now time.Time, to netip.Addr, observed bool) bool {
	return t.answers(now, to) || observed && t.full.Allow(now.Sub(t.began), to)
}

// answered records that a host has answered a ping.
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

// MayReach reports whether a packet may be sent on a path. It counts the packet if the path is
// untested.
func (m *Manager) MayReach(now time.Time, p *Path) bool {
	m.now = now
	t := m.cfg.Targets
	if t == nil || p.State != Untested || p.Relayed() || p.round {
		return true
	}
	return t.allow(m.now, p.Route.Addr.Addr(), m.vouched(p))
}

// mayFill reports whether a ping on a path that is not valid may have MinMTU bytes. It may if the host
// has answered a ping of any size, or if a server saw the peer at that host and fullRate allows it.
func (m *Manager) mayFill(p *Path) bool {
	t := m.cfg.Targets
	if t == nil || p.State != Untested || p.Relayed() || p.narrow {
		return true
	}
	return t.allowFull(m.now, p.Route.Addr.Addr(), m.vouched(p))
}

// vouched reports whether someone other than the peer says that it receives at the path's host.
func (m *Manager) vouched(p *Path) bool { return p.vouched || p.Route.Addr.Addr() == m.observed.Addr() }

// noteAnswer records in Targets, for the other links, that a host has answered.
func (m *Manager) noteAnswer(p *Path) {
	if m.cfg.Targets != nil && !p.Relayed() && p.Kind != Relay {
		m.cfg.Targets.answered(m.now, p.Route.Addr.Addr())
	}
}
