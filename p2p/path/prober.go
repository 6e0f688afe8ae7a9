package path

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// roundPatience is how long after the last probe of a round an answer still counts. It is also how long
// packets on the other sockets of a round are ignored.
const roundPatience = 5 * time.Second

// crossPause is how long Cross waits before it sends probes, so that the peer's openers leave first. The
// peer sends them half a round trip of the relay later.
const crossPause = 250 * time.Millisecond

// A prober probes many ports of one address to find a socket of the peer (birthday probing). The first
// answer decides: after that, packets from the other ports are ignored, so that both ends agree on the
// path.
type prober struct {
	socket  Socket
	addr    netip.Addr
	ports   []uint16       // not probed yet
	probes  []portProbe    // sent so far
	next    time.Time      // when to send more
	until   time.Time      // when answers stop counting
	decides bool           // only the first answer counts
	decided netip.AddrPort // where it came from
	over    func()         // called once, when the prober stops sending
	ended   bool
}

// ProbePorts probes ports of an address from a socket, a few at a time, until a direct path is found. It
// replaces an earlier round. over is called when the round stops sending.
func (m *Manager) ProbePorts(now time.Time, s Socket, addr netip.Addr, ports []uint16, over func()) {
	m.now = now
	m.startProber(&prober{socket: s, addr: addr, ports: ports, over: over, decides: true})
}

// Cross sends openers, then probes, from one socket to ports of an address in turn. The NAT of the socket
// maps the packets to each port differently. won is called with the socket once it has a valid path.
func (m *Manager) Cross(now time.Time, s Socket, addr netip.Addr, ports []uint16, won func(Socket)) {
	m.now = now
	m.pool = &pool{sockets: []Socket{s}, won: won}
	r := &prober{socket: s, addr: addr, ports: ports, over: func() {}}
	m.startProber(r)
	for _, port := range ports {
		m.probe(r, port, m.cfg.OpenerTTL())
	}
	if len(ports) > 0 {
		r.next = m.now.Add(crossPause)
	}
}

func (m *Manager) startProber(s *prober) {
	if m.prober != nil {
		m.prober.finish()
	}
	m.prober = s
	s.next, s.until = m.now, m.now.Add(roundPatience)
}

// proberDue returns when the prober has something to do; the zero time means never.
func (m *Manager) proberDue() time.Time {
	switch s := m.prober; {
	case s == nil:
		return time.Time{}
	case !s.ended:
		return s.next
	default:
		return s.until
	}
}

// tendProber sends the probes that are due.
func (m *Manager) tendProber() {
	s := m.prober
	switch {
	case s == nil, m.proberDue().After(m.now):
	case s.ended:
		m.prober = nil
	case m.direct(), len(s.ports) == 0: // any direct path ends the round
		s.finish()
	default:
		n := min(BirthdayBatch, len(s.ports))
		for _, port := range s.ports[:n] {
			m.probe(s, port, 0)
		}
		s.ports = s.ports[n:]
		s.next, s.until = m.now.Add(BirthdayGap), m.now.Add(roundPatience)
	}
}

func (m *Manager) probe(s *prober, port uint16, ttl int) {
	q := portProbe{port, rand.Uint64(), m.now}
	s.probes = append(s.probes, q)
	r := Route{Socket: s.socket, Addr: netip.AddrPortFrom(s.addr, port)}
	m.probes = append(m.probes, Probe{Route: r, HasPing: true, Ping: q.id, Padded: true, TTL: ttl})
}

type portProbe struct {
	port uint16
	id   uint64
	sent time.Time
}

// finish stops sending.
func (s *prober) finish() {
	s.ports = nil
	if !s.ended {
		s.ended = true
		s.over()
	}
}

// toward reports whether a route goes from the prober's socket to the probed address. s may be nil.
func (s *prober) toward(r Route) bool {
	return s != nil && s.socket == r.Socket && s.addr == r.Addr.Addr() && r.Channel == 0
}

// proberAnswered returns how long the answer to a probe took; ok is false if the PONG does not answer a probe.
func (m *Manager) proberAnswered(r Route, id uint64) (took time.Duration, ok bool) {
	s := m.prober
	if !s.toward(r) {
		return 0, false
	}
	i := slices.IndexFunc(s.probes, func(q portProbe) bool { return q.id == id && q.port == r.Addr.Port() })
	if i < 0 {
		return 0, false
	}
	if s.decides {
		s.decided = r.Addr
	}
	return m.now.Sub(s.probes[i].sent), true
}

// proberDeaf reports whether a route goes to a probed port other than the one that answered first.
func (m *Manager) proberDeaf(r Route) bool {
	s := m.prober
	return s.toward(r) && s.decided.IsValid() && r.Addr != s.decided
}
