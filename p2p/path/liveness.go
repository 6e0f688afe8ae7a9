package path

import (
	"net/netip"
	"slices"
	"time"
)

// A patience says how long a path may be silent until it is pinged (first), how much time to leave
// between the pings (again), and after how much silence the path counts as lost (last).
type patience struct{ first, again, last time.Duration }

// patience returns the patience for p.
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
	confirmPings   = 3 // sent soon after a path became valid: its NAT may need them
	confirmGap     = 20 * time.Millisecond
	troubleGap     = time.Second
	lostGap        = time.Second            // between pings of all paths while none is valid
	minMisses      = 2                      // unanswered pings before a path counts as lost
	fullPings      = 6                      // unanswered in a row, then short ones
	fullRelayPings = 3                      // the same on the relay, to spare the server
	pingBackGap    = 25 * time.Millisecond  // without it, two ends on a long path would ping each other forever
	fedLately      = 5 * time.Second        // an end that only receives can detect a lost path only by silence
	doubtPatience  = 300 * time.Millisecond // with a path that the peer seems to have left
)

// Sizes of the frames of a check, as package wire appends them.
const (
	PingSize = 1 + 8
	PongSize = 1 + 8 + AddrSize
)

// post queues a probe of a path.
func (m *Manager) post(p *Path, q Probe) {
	q.Path, q.Route = p, p.Route
	m.probes = append(m.probes, q)
}

// Pinged answers a PING on the path on which it arrived. It also pings back if the path is not valid yet,
// because the NAT that let the PING through may now let ours through. The source of a PING may be forged, so
// on such a path the answer is never longer than the frames of the packet that contained it.
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

// Ping checks a path. If the peer answers, answer is called with the round-trip time.
func (m *Manager) Ping(now time.Time, p *Path, answer func(time.Duration)) {
	m.now = now
	m.ping(p, answer)
}

// ping checks a path. The first packet to a candidate may be an opener, which does not reach the peer.
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

// asksFull reports whether the next ping must have MinMTU bytes, to show that the path carries data. Pings
// are full on a path that is not valid yet, and on one with data in flight. They are short to a host that
// only the peer names and that has not answered yet (mayFill), on a relay that is not needed now, and after
// several full ones without an answer. When the peer answers a short one, a full one follows at once
// (answersShort). If that one is not answered, the reason is its size.
func (m *Manager) asksFull(p *Path) bool {
	switch {
	case p.State == Valid:
		return p.Flow.InFlight() > 0
	case p.Relayed():
		return p.misses < fullRelayPings && !m.direct()
	}
	return p.misses < fullPings && !m.Unconfirmed() && m.mayFill(p)
}

// Ponged handles a PONG that arrived on a path. seen is this end's address as the peer sees it.
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

// answersShort handles the answer to a short ping on a path that is not valid. It sends a full one at
// once, unless the schedule already has one due.
func (m *Manager) answersShort(p *Path) {
	p.narrow = true
	m.noteAnswer(p)
	if at, ok := p.schedule.Due(); (!ok || at.After(m.now)) && m.MayReach(m.now, p) {
		m.post(p, Probe{HasPing: true, Ping: p.newPing(m.now, true, nil), Size: MinMTU})
	}
}

// Acked handles the acknowledgment of a packet of the given size that was sent on a path at the time sent. It
// counts as an answer, unless the path was lost after the packet was sent.
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

// alternative reports whether a path other than p is valid.
func (m *Manager) alternative(p *Path) bool {
	return slices.ContainsFunc(m.paths, func(o *Path) bool { return o != p && o.State == Valid })
}

// direct reports whether a path that is not relayed is valid.
func (m *Manager) direct() bool {
	return slices.ContainsFunc(m.paths, func(p *Path) bool { return p.State == Valid && !p.Relayed() })
}

// pingDue returns when to ping a path next; ok is false for never.
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

// tend pings a path if a ping is due, and gives it up if it was silent for too long.
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
	case opener: // it is not part of the schedule
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

// lossDue returns when a path counts as lost unless an answer arrives; ok is false if no answer is overdue.
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

// report reports that the path in use does not answer, and checks the other paths.
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

// Lose gives up a path. The link calls it for a path that no longer carries datagrams of MinMTU bytes.
func (m *Manager) Lose(now time.Time, p *Path) {
	m.now = now
	p.narrow = true
	m.lose(p)
}

// lose gives up a path that does not answer, and also each replacement that has been silent for too
// long.
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
