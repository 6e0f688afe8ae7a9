package client

import (
	"crypto/rand"
	"net/netip"
	"time"

	"p2ptool/p2p/stun"
)

// stunTries is how often a STUN request is sent.
const stunTries = 4

// A stunClient asks by STUN for what the session does not show: how the second observer sees this host, and how
// both ports do in the other address family.
type stunClient struct {
	targets []stunTarget
}

type stunTarget struct {
	addr   netip.AddrPort
	second bool
	id     stun.ID
	tries  int // that are left
	next   time.Time
	wait   time.Duration
	answer netip.AddrPort
}

// newStunClient returns one for the server at addr, which also has the addresses servers; second is the port of
// the second observer, or 0.
func newStunClient(addr netip.AddrPort, servers []netip.AddrPort, second uint16) (s stunClient) {
	if second != 0 {
		s.targets = append(s.targets, stunTarget{addr: netip.AddrPortFrom(addr.Addr(), second), second: true})
	}
	for _, a := range servers {
		if a.Addr().Is4() != addr.Addr().Is4() {
			s.targets = append(s.targets, stunTarget{addr: a})
			if second != 0 {
				s.targets = append(s.targets, stunTarget{addr: netip.AddrPortFrom(a.Addr(), second), second: true})
			}
			break
		}
	}
	return s
}

// addrs returns the addresses that answers come from.
func (s *stunClient) addrs() (all []netip.AddrPort) {
	for _, t := range s.targets {
		all = append(all, t.addr)
	}
	return all
}

// restart sends all requests again.
func (s *stunClient) restart(now time.Time) {
	for i := range s.targets {
		t := &s.targets[i]
		rand.Read(t.id[:])
		t.answer = netip.AddrPort{}
		t.tries, t.next, t.wait = stunTries, now, firstRetry
	}
}

// tick sends what is due and returns when the next request is; zero: none.
func (s *stunClient) tick(now time.Time, send func(netip.AddrPort, []byte)) (next time.Time) {
	for i := range s.targets {
		t := &s.targets[i]
		if t.tries > 0 && !now.Before(t.next) {
			t.tries--
			t.next, t.wait = now.Add(t.wait), 2*t.wait
			send(t.addr, stun.Request{ID: t.id}.Append(nil))
		}
		if t.tries > 0 && (next.IsZero() || t.next.Before(next)) {
			next = t.next
		}
	}
	return next
}

// response handles an answer, and reports whether it was expected.
func (s *stunClient) response(from netip.AddrPort, d []byte) bool {
	r, err := stun.ParseResponse(d)
	if err != nil {
		return false
	}
	for i := range s.targets {
		if t := &s.targets[i]; t.addr == from && t.id == r.ID {
			t.tries, t.answer = 0, r.Observed
			return true
		}
	}
	return false
}

// apply writes the answers into a view.
func (s *stunClient) apply(v *View) {
	for _, t := range s.targets {
		switch o := v.of(t.addr.Addr()); {
		case !t.answer.IsValid():
		case t.second:
			o.Second = t.answer
		default:
			o.Main = t.answer
		}
	}
}

// ports are the server's two observers over IPv4.
type ports struct{ main, second netip.AddrPort }

// portsOf returns those of the server at addr, which also has the addresses servers; second is the port of the
// second observer, or 0.
func portsOf(addr netip.AddrPort, servers []netip.AddrPort, second uint16) (p ports) {
	for _, a := range append([]netip.AddrPort{addr}, servers...) {
		if a.Addr().Is4() {
			p.main = a
			if second != 0 {
				p.second = netip.AddrPortFrom(a.Addr(), second)
			}
			return p
		}
	}
	return p
}

// Observers returns the server's two IPv4 ports that answer STUN, each also from the other on request. They are
// invalid while the client is not registered, and where the server has none.
func (c *Client) Observers() (main, second netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ports.main, c.ports.second
}
