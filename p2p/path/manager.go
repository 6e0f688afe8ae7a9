package path

import (
	"net/netip"
	"slices"
	"time"
)

const (
	maxPaths   = 40
	forgetLost = 2 * time.Minute // after which a lost path is dropped
)

// Config configures a Manager.
type Config struct {
	Initiator bool // this end started the link
	Loopback  bool // the peer may be on this host

	// Route returns the route to an address that the peer or the server named; ok is false if there
	// is no socket for it.
	Route func(netip.AddrPort) (r Route, ok bool)
	// Allow reports whether paths of a kind may be used; nil allows all.
	Allow func(relayed bool) bool
	// Own reports whether an address belongs to an interface of this host.
	Own func(netip.Addr) bool
	// Kind returns the kind of a relayed route: Relay or TCPRelay.
	Kind func(Route) Kind
	// OpenerTTL returns the time to live with which a packet just passes this host's own NATs.
	OpenerTTL func() int
	// Targets limits what this and other links send to hosts that have not answered; nil: only the
	// link's own budget applies.
	Targets *Targets
	// NewFlow creates the Flow of a new path and sets the path's Overhead.
	NewFlow func(*Path) Flow
}

// A Probe is a packet that the Manager wants sent at once.
type Probe struct {
	Route  Route
	Path   *Path  // nil for birthday probing
	Pong   uint64 // id of a PONG, if HasPong; it goes before the PING
	Ping   uint64 // id of a PING, if HasPing
	Size   int    // bytes to which the datagram is padded; 0: none
	TTL    int    // time to live; 0: the system's
	Padded bool   // pad the PING to the length of its answer

	HasPong, HasPing bool
}

// A Manager manages the paths of a link. It decides which addresses to probe and when, which paths
// are valid or lost, and which path to use. It does no I/O: the caller calls Probes after each other
// method and sends what it returns. A Manager is not safe for concurrent use.
type Manager struct {
	cfg      Config
	now      time.Time
	paths    []*Path
	best     *Path
	current  *Path // the path of the packet being handled
	budget   budget
	observed netip.AddrPort // where a server saw the peer; invalid: unknown
	heard    bool           // a packet of the link has arrived
	fed      time.Time      // when data last arrived
	doubt    time.Time      // when data last arrived on a path other than the best, or this host moved
	troubled time.Time      // when a path in use last failed to answer
	trouble  bool           // that happened since the last call of Trouble
	prober   *prober        // nil: none
	pool     *pool          // of the newest round; nil: none
	probes   []Probe
}

// NewManager returns a Manager without any path.
func NewManager(cfg Config, now time.Time) *Manager {
	return &Manager{cfg: cfg, now: now, budget: budget{began: now}}
}

// All returns all paths. The slice is valid until the next call of another method.
func (m *Manager) All() []*Path { return m.paths }

// Best returns the path in use. If no path is valid, it is the last one that was in use, or nil.
func (m *Manager) Best() *Path { return m.best }

// Held returns roughly how many bytes of memory the Manager uses.
func (m *Manager) Held() int { return len(m.paths)*1000 + cap(m.budget.tried)*48 + cap(m.probes)*96 }

// Probes returns the probes to send, in order, and clears the queue. The slice is valid until the
// next call of another method.
func (m *Manager) Probes() []Probe {
	out := m.probes
	m.probes = m.probes[:0]
	return out
}

// Trouble reports whether the path in use has failed to answer since the last call of Trouble. It
// returns true at most once a second.
func (m *Manager) Trouble() bool {
	news := m.trouble
	m.trouble = false
	return news
}

// Advance does everything that is due: it queues checks and probes, and gives up paths.
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

// Deadline returns when to call Advance next; the zero time means never.
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

// Learn adds a path for a route on which an authentic packet arrived. It returns nil if the packet must be
// dropped. Such a packet does not prove that the peer is at its source address, so the route gets only a few probes.
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

// Heard records that a packet of the link has arrived, on any path.
func (m *Manager) Heard(now time.Time) {
	if !m.heard {
		m.now, m.heard = now, true
		m.hasten()
	}
}

// Unconfirmed reports whether the peer started the link and has not sent a packet on it yet. Its
// handshake may be a replay.
func (m *Manager) Unconfirmed() bool { return !m.cfg.Initiator && !m.heard }

func (m *Manager) allowed(relayed bool) bool { return m.cfg.Allow == nil || m.cfg.Allow(relayed) }

// add returns the path of a route, and adds it if needed. It returns nil if the path is not allowed or
// there are too many.
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

// NewPath returns a new path, which is not added to the Manager.
func (m *Manager) NewPath(r Route) *Path {
	p := &Path{Route: r, Kind: Direct, MTU: MinMTU}
	if a := r.Addr.Addr(); a.IsLoopback() || a.Is6() && a.IsLinkLocalUnicast() { // routers do not forward these
		p.Kind = LAN
	}
	if p.Relayed() {
		p.Kind = m.cfg.Kind(r)
	}
	p.Flow = m.cfg.NewFlow(p)
	return p
}

// makeRoom drops the path that is least likely to answer. It reports whether there was one to drop.
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

// forget drops paths that have been lost for a long time, and stale ones.
func (m *Manager) forget() {
	m.drop(func(p *Path) bool {
		return p != m.best && (p.stale || p.State == Lost && !p.Relayed() && m.now.Sub(p.lost) > forgetLost)
	})
}
