package path

import (
	"net/netip"
	"slices"
	"time"
)

// A patience is how long a path may be silent: until it is pinged, between those pings, and until it
// counts as lost.
type patience struct{ first, again, last time.Duration }

// patience returns how long p may be silent.
func (m *Manager) patience(p *Path) patience {
	switch {
	case p != m.best:
		return patience{15 * time.Second, time.Second, 18 * time.Second}
	case p.Flow.InFlight() == 0 && !m.doubted(p) && m.now.Sub(m.fed) > fedLately:
		return patience{3 * time.Second, 500 * time.Millisecond, 6 * time.Second}
	case m.alternative(p):
		return patience{time.Second, 250 * time.Millisecond, 2 * time.Second}
	}
	return patience{time.Second, 250 * time.Millisecond, 6 * time.Second}
}

const (
	confirmPings   = 3 // sent soon after a path became valid: its NAT may wait for them
	confirmGap     = 20 * time.Millisecond
	troubleGap     = time.Second
	lostGap        = time.Second            // between pings of all paths while none is valid
	minMisses      = 2                      // before a path counts as lost
	fullPings      = 6                      // in a row, without an answer
	fullRelayPings = 3                      // by the relay, which costs the server
	pingBackGap    = 25 * time.Millisecond  // or pings in return for pings would never end on a long path
	fedLately      = 5 * time.Second        // an end that only receives notices a lost path by silence alone
	doubtPatience  = 300 * time.Millisecond // with a path that the peer seems to have left
)

// Sizes of the frames of a check, as package wire appends them.
const (
	PingSize = 1 + 8
	PongSize = 1 + 8 + AddrSize
)

// post has a check of a path sent, unless its host must not get more.
func (m *Manager) post(p *Path, q Probe) {
	q.Path, q.Route = p, p.Route
	m.probes = append(m.probes, q)
}

// Pinged answers a PING by the path on which it came, and pings back a path that is not valid yet: the
// NAT that let that ping through may let ours through now. The source of a ping may be forged, so on such
// a path the answer is never longer than the packet's frames.
func (m *Manager) Pinged(now time.Time, p *Path, id uint64, frames int) {
	m.now = now
	if p.State != Valid && frames < PongSize || !m.MayReach(now, p) {
		return
	}
	q := Probe{HasPong: true, Pong: id}
	if p.State != Valid && frames >= PongSize+PingSize && m.now.Sub(p.pingedBack) >= pingBackGap {
		p.pingedBack = m.now
		full := frames >= p.frames(MinMTU) && m.mayFill(p)
		q.HasPing, q.Ping = true, p.newPing(m.now, full, nil)
		if full {
			q.Size = MinMTU
		}
	}
	m.post(p, q)
}

// Ping checks a path; answer is called with the round trip if that is answered.
func (m *Manager) Ping(now time.Time, p *Path, answer func(time.Duration)) {
	m.now = now
	m.ping(p, answer)
}

// ping checks a path. The first packet to a candidate may be an opener, which does not get there.
func (m *Manager) ping(p *Path, answer func(time.Duration)) {
	ttl, full := 0, !p.opener && m.asksFull(p)
	if p.opener {
		p.opener, ttl = false, m.cfg.OpenerTTL()
	}
	p.nextPing = m.now.Add(m.patience(p).again)
	if !m.MayReach(m.now, p) {
		return
	}
	q := Probe{HasPing: true, Ping: p.newPing(m.now, full, answer), Padded: true, TTL: ttl}
	if full {
		q.Size = MinMTU
	}
	m.post(p, q)
}

// asksFull reports whether the next ping is to show that the path carries data: on a path that is not
// valid yet, or on which data waits for an answer. The others are short: to a host that only the peer
// names and that has not answered yet (mayFill), by a relay that is not needed now, and where some full
// ones went unanswered. If a short one is answered, a full one follows at once (answersShort), and if
// that is not answered, it is for its size.
func (m *Manager) asksFull(p *Path) bool {
	switch {
	case p.State == Valid:
		return p.Flow.InFlight() > 0
	case p.Relayed():
		return p.misses < fullRelayPings && !m.direct()
	}
	return p.misses < fullPings && !m.Unconfirmed() && m.mayFill(p)
}

// Ponged handles a PONG that came by a path. seen is the address of ours that the peer saw.
func (m *Manager) Ponged(now time.Time, p *Path, id uint64, seen netip.AddrPort) {
	m.now = now
	if p.mtuAnswered(id, m.now) {
		p.prove(m.now)
		return
	}
	took, full, ok := p.answered(id, m.now)
	if !ok {
		took, ok = m.proberAnswered(p.Route, id)
	}
	if !ok {
		return
	}
	p.Flow.RTT().Sample(took, 0)
	p.refused = false
	if p.State != Valid && !full {
		m.answersShort(p)
		return
	}
	p.prove(m.now)
	m.seenAs(p, seen.Addr())
	m.validate(p)
}

// answersShort is called when a short ping on a path that is not valid was answered. It sends a full
// one at once.
func (m *Manager) answersShort(p *Path) {
	p.narrow = true
	m.noteAnswer(p)
	if at, ok := p.schedule.Due(); (!ok || at.After(m.now)) && m.MayReach(m.now, p) {
		m.post(p, Probe{HasPing: true, Ping: p.newPing(m.now, true, nil), Size: MinMTU})
	}
}

// Acked is called when a packet of that size, sent on a path at that time, was acknowledged. That counts as
// an answer, unless the path was lost since.
func (m *Manager) Acked(now time.Time, p *Path, sent time.Time, size int) {
	m.now = now
	switch {
	case p.State == Valid:
		p.prove(m.now)
	case p.State == Lost && sent.After(p.lost) && (!p.narrow || size >= MinMTU):
		p.State = Untested
		m.validate(p)
	}
}

// alternative reports whether another path than p is valid.
func (m *Manager) alternative(p *Path) bool {
	return slices.ContainsFunc(m.paths, func(o *Path) bool { return o != p && o.State == Valid })
}

// direct reports whether a path that is not relayed is valid.
func (m *Manager) direct() bool {
	return slices.ContainsFunc(m.paths, func(p *Path) bool { return p.State == Valid && !p.Relayed() })
}

// pingDue returns when a path is to be pinged next; ok is false for never.
func (m *Manager) pingDue(p *Path) (at time.Time, ok bool) {
	switch {
	case p.opener:
		return m.now, true
	case p.State != Valid:
		return p.schedule.Due()
	case p.confirm > 0 || p.misses > 0:
		return p.nextPing, true
	}
	return p.proven.Add(m.patience(p).first), true
}

// tend pings a path if it is time, and gives it up if it was silent for too long.
func (m *Manager) tend(p *Path) {
	if at, ok := m.lossDue(p); ok && !at.After(m.now) {
		m.lose(p)
	}
	at, ok := m.pingDue(p)
	if !ok || at.After(m.now) {
		return
	}
	opener := p.opener
	m.ping(p, nil)
	switch {
	case opener: // the schedule begins after it
	case p.State != Valid:
		p.schedule.Sent(m.now)
	case p.confirm > 1:
		p.confirm--
		p.nextPing = m.now.Add(confirmGap)
	case p.confirm == 1:
		p.confirm = 0
	case p == m.best && p.misses >= minMisses:
		m.report()
	}
}

// lossDue returns when a path is lost unless an answer comes; ok is false if no answer is overdue.
func (m *Manager) lossDue(p *Path) (at time.Time, ok bool) {
	if p.State != Valid || p.misses < minMisses {
		return time.Time{}, false
	}
	w := m.patience(p)
	wait := w.last - w.first
	if m.doubted(p) && m.alternative(p) {
		wait = doubtPatience
	}
	return p.missing.Add(max(wait, 4*p.Flow.RTT().Estimate())), true
}

// report reports trouble, and checks the other paths.
func (m *Manager) report() {
	if m.now.Sub(m.troubled) < troubleGap {
		return
	}
	m.troubled, m.trouble = m.now, true
	for _, p := range m.paths {
		if p != m.best && p.State == Valid {
			m.ping(p, nil)
		}
	}
}

// Lose gives up a path of which the link found out that it does not carry datagrams of MinMTU any more.
func (m *Manager) Lose(now time.Time, p *Path) {
	m.now = now
	p.narrow = true
	m.lose(p)
}

// lose takes a path that does not answer out of use, and those that would take its place and have
// been silent for as long.
func (m *Manager) lose(p *Path) {
	p.State, p.lost = Lost, m.now
	p.schedule = NewRareSchedule(m.now)
	if m.alternative(p) {
		p.Flow.Abandon()
	}
	m.choose()
	if at, ok := m.lossDue(m.best); ok && !at.After(m.now) {
		m.lose(m.best)
	}
}

// probeLostPaths keeps pinging all lost paths while none is valid.
func (m *Manager) probeLostPaths() {
	if m.best == nil || m.best.State == Valid || m.now.Sub(m.troubled) < lostGap {
		return
	}
	m.troubled, m.trouble = m.now, true
	for _, p := range m.paths {
		if p.State == Lost {
			m.ping(p, nil)
		}
	}
}
