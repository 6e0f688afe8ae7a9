package path

import (
	"net/netip"
	"slices"
	"time"
)

const (
	maxPaths   = 40
	forgetLost = 2 * time.Minute // until a lost path is dropped
)

// Config is what a Manager is made of.
type Config struct {
	Initiator bool // of the link
	Loopback  bool // the peer may be on this very host

	// Route returns the route to an address that the peer or the server named; ok is false if there
	// is no socket for it.
	Route func(netip.AddrPort) (r Route, ok bool)
	// Allow reports whether paths of a kind may be used; nil allows all.
	Allow func(relayed bool) bool
	// Own reports whether an address is one of this host's interfaces.
	Own func(netip.Addr) bool
	// Kind returns the kind of a relayed route: Relay or TCPRelay.
	Kind func(Route) Kind
	// OpenerTTL returns the time to live with which a packet passes this host's own NATs.
	OpenerTTL func() int
	// Targets bounds what is sent to hosts that have not answered, together with other links; nil:
	// only the link's own budget does.
	Targets *Targets
	// NewFlow makes what the link keeps of a new path, and sets its Overhead.
	NewFlow func(*Path) Flow
}

// A Probe is a packet that the Manager wants sent at once.
type Probe struct {
	Route  Route
	Path   *Path  // nil: of a round of birthday probing
	Pong   uint64 // id of a PONG, if HasPong; it goes before the PING
	Ping   uint64 // id of a PING, if HasPing
	Size   int    // bytes to which the datagram is padded; 0: none
	TTL    int    // time to live; 0: the system's
	Padded bool   // the PING is to be as long as its answer

	HasPong, HasPing bool
}

// A Manager keeps a link's paths: it decides which addresses are probed and when, which paths are
// valid or lost, and which one is in use. It does no I/O: what it wants sent it returns from
// Probes, which is to be called after each other method. It belongs to one goroutine.
type Manager struct {
	cfg      Config
	now      time.Time
	paths    []*Path
	best     *Path
	current  *Path // whose packet is being handled
	budget   budget
	observed netip.AddrPort // where a server saw the peer; invalid: nowhere
	heard    bool           // a packet of the link has arrived
	fed      time.Time      // when data last arrived
	doubt    time.Time      // when data last arrived by another path than the best, or this host moved
	troubled time.Time      // when a path in use was last seen not to answer
	trouble  bool           // so since Trouble was last called
	prober   *prober        // nil: none
	pool     *pool          // of the newest round; nil: there was none
	probes   []Probe
}

// NewManager returns a Manager without any path.
func NewManager(cfg Config, now time.Time) *Manager {
	return &Manager{cfg: cfg, now: now, budget: budget{began: now}}
}

// All returns all paths. The slice is valid until the next call of another method.
func (m *Manager) All() []*Path { return m.paths }

// Best returns the path in use, or the last one while none is valid; nil if there was none yet.
func (m *Manager) Best() *Path { return m.best }

// Held returns about how many bytes of memory the Manager takes.
func (m *Manager) Held() int { return len(m.paths)*1000 + cap(m.budget.tried)*48 + cap(m.probes)*96 }

// Probes returns what is to be sent, in order, and forgets it. The slice is valid until the next
// call of another method.
func (m *Manager) Probes() []Probe {
	out := m.probes
	m.probes = m.probes[:0]
	return out
}

// Trouble reports whether the path in use was found not to answer since Trouble was last called: at
// most once a second.
func (m *Manager) Trouble() bool {
	news := m.trouble
	m.trouble = false
	return news
}

// Advance does what is due by now: checks, probes, and giving up paths.
func (m *Manager) Advance(now time.Time) {
	m.now = now
	for _, p := range m.paths {
		m.tend(p)
		m.searchMTU(p)
	}
	m.tendProber()
	m.probeLostPaths()
	m.forget()
	m.forgetPool()
}

// Deadline returns when Advance is to be called next, the zero time for never.
func (m *Manager) Deadline(now time.Time) (at time.Time) {
	m.now = now
	sooner := func(t time.Time, ok bool) {
		if ok && !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	sooner(m.proberDue(), true)
	for _, p := range m.paths {
		sooner(m.pingDue(p))
		sooner(m.lossDue(p))
		sooner(m.mtuDue(p))
	}
	if m.best != nil && m.best.State != Valid {
		sooner(m.troubled.Add(lostGap), true)
	}
	return at
}

// Find returns the path of a route, nil if there is none.
func (m *Manager) Find(r Route) *Path {
	m.current = m.find(r)
	return m.current
}

func (m *Manager) find(r Route) *Path {
	if m.best != nil && m.best.Route == r {
		return m.best
	}
	for _, p := range m.paths {
		if p.Route == r {
			return p
		}
	}
	return nil
}

// Learn makes a path of a route by which a genuine packet arrived, and returns nil if its packets are to be
// dropped. Such a packet is no proof that the peer is there, so the route is probed but a few times.
func (m *Manager) Learn(now time.Time, r Route) *Path {
	m.now = now
	if m.proberDeaf(r) || m.poolDeaf(r) {
		return nil
	}
	p := m.add(r)
	if p == nil {
		return nil
	}
	if p.Relayed() || m.budget.allow(r.Addr, m.now) {
		p.schedule = NewShortSchedule(m.now)
	}
	m.current = p
	return p
}

// Heard is called when a packet of the link has arrived, by whichever path.
func (m *Manager) Heard(now time.Time) {
	if !m.heard {
		m.now, m.heard = now, true
		m.hasten()
	}
}

// Unconfirmed reports whether the peer began the link and nothing came from it yet: the handshake may
// have been a replay.
func (m *Manager) Unconfirmed() bool { return !m.cfg.Initiator && !m.heard }

func (m *Manager) allowed(relayed bool) bool { return m.cfg.Allow == nil || m.cfg.Allow(relayed) }

// add adds a path, unless it is there, not allowed, or there are too many.
func (m *Manager) add(r Route) *Path {
	if p := m.find(r); p != nil {
		return p
	}
	if !m.allowed(r.Channel != 0) || len(m.paths) >= maxPaths && !m.makeRoom() {
		return nil
	}
	p := m.NewPath(r)
	m.paths = append(m.paths, p)
	return p
}

// NewPath returns a path that the Manager does not keep.
func (m *Manager) NewPath(r Route) *Path {
	p := &Path{Route: r, Kind: Direct, MTU: MinMTU}
	if a := r.Addr.Addr(); a.IsLoopback() || a.Is6() && a.IsLinkLocalUnicast() { // no router passes those on
		p.Kind = LAN
	}
	if p.Relayed() {
		p.Kind = m.cfg.Kind(r)
	}
	p.Flow = m.cfg.NewFlow(p)
	return p
}

// makeRoom drops the path that is missed least, of those that do not answer.
func (m *Manager) makeRoom() bool {
	var least *Path
	for _, p := range m.paths {
		if p.State == Valid || p == m.best || p == m.current {
			continue
		}
		if least == nil || p.hope() < least.hope() {
			least = p
		}
	}
	if least == nil {
		return false
	}
	m.drop(func(p *Path) bool { return p == least })
	return true
}

// drop drops the paths for which f returns true.
func (m *Manager) drop(f func(*Path) bool) {
	m.paths = slices.DeleteFunc(m.paths, func(p *Path) bool {
		if !f(p) {
			return false
		}
		p.Flow.Abandon()
		return true
	})
}

// forget drops paths that have been lost for long, and those that lead nowhere any more.
func (m *Manager) forget() {
	m.drop(func(p *Path) bool {
		return p != m.best && (p.stale || p.State == Lost && !p.Relayed() && m.now.Sub(p.lost) > forgetLost)
	})
}
