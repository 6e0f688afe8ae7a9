package portmap

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// withdrawal is how long the router may take to hear, in the end, that the
// mapping is wanted no more. Unheard, the mapping ends by itself.
const withdrawal = 700 * time.Millisecond

// A Config tells what to map.
type Config struct {
	// Port is the UDP port of this host.
	Port uint16

	// OnChange is told of each mapping that comes, changes or goes, from the
	// goroutine of Run. It may be nil.
	OnChange func(Status)

	// Gateway finds the router; nil: FindGateway.
	Gateway func() (Gateway, error)

	// Dial opens a datagram socket to a port of the router, that hears nobody
	// else; nil: the system's. With another one UPnP, which needs more, is not tried.
	Dial func(g Gateway, port uint16) (net.Conn, error)
}

// A Mapper keeps a mapping while it runs.
type Mapper struct {
	config Config
	hints  chan struct{} // one place

	gateway Gateway // as found last
	active  client  // that holds, or is asked for, the mapping; nil: none
	plan    plan

	mu     sync.Mutex
	status Status
	first  chan struct{} // closed once the first answer, or none, is there
}

// New prepares a mapper; Run has it work.
func New(c Config) *Mapper {
	if c.Gateway == nil {
		c.Gateway = FindGateway
	}
	return &Mapper{config: c, hints: make(chan struct{}, 1), first: make(chan struct{})}
}

// Run gets the mapping and keeps it until ctx ends; then it withdraws it, which
// takes less than a second. It is called once.
func (m *Mapper) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			m.withdraw(ctx)
			return
		case <-m.hints:
			m.plan.hint(time.Now())
		case <-timer.C:
			m.turn(ctx, time.Now())
		}
		timer.Reset(time.Until(m.plan.next()))
	}
}

// Hint says that the network may have changed, so that the router is asked anew
// soon. It never blocks.
func (m *Mapper) Hint() {
	select {
	case m.hints <- struct{}{}:
	default:
	}
}

// Status returns how the mapping stands.
func (m *Mapper) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// Asked is closed once it is known whether the router maps the port.
func (m *Mapper) Asked() <-chan struct{} { return m.first }

// turn does what is due.
func (m *Mapper) turn(ctx context.Context, now time.Time) {
	if now.Before(m.plan.due) {
		if seconds, known := m.active.look(ctx); known {
			m.plan.looked(time.Now(), seconds)
		} else {
			m.plan.look = now.Add(lookEvery)
		}
		return
	}
	before := m.plan.held.external
	l, err := m.obtain(ctx)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		m.plan.granted(time.Now(), l)
	} else {
		m.plan.refused(time.Now())
	}
	m.tell(err, m.plan.held.external != before)
}

// obtain asks for the mapping, first of whom it was had from before.
func (m *Mapper) obtain(ctx context.Context) (lease, error) {
	g, err := m.config.Gateway()
	if g != m.gateway {
		m.gateway, m.active, m.plan = g, nil, plan{} // what another router gave leads nowhere
	}
	if err != nil {
		return lease{}, err
	}
	if m.active != nil {
		if l, err := m.active.request(ctx, m.config.Port); err == nil || ctx.Err() != nil {
			return l, err
		}
	}
	return m.find(ctx)
}

// find asks for the mapping by the best protocol that the router speaks. All are
// probed at once, so that one that is not spoken holds up the others only once.
func (m *Mapper) find(ctx context.Context) (lease, error) {
	ctx, cancel := context.WithCancel(ctx)
	var probes sync.WaitGroup
	defer probes.Wait()
	defer cancel()
	reason := error(ErrSilent)
	for _, p := range m.config.probe(ctx, &probes, m.gateway) {
		a := <-p.answer
		if a.Err != nil {
			reason = graver(reason, a.Err)
			continue
		}
		m.active = p.client
		l, err := p.client.request(ctx, m.config.Port)
		if err == nil || ctx.Err() != nil {
			return l, err
		}
		m.active = nil
		reason = graver(reason, err)
	}
	return lease{}, reason
}

// graver prefers what the router said to its silence.
func graver(a, b error) error {
	if refusal, ok := errors.AsType[*ResultError](b); ok && *refusal != (ResultError{PCP, pcpOtherVersion}) || errors.Is(b, errNothing) {
		return b
	}
	return a
}

// tell notes how it stands.
func (m *Mapper) tell(err error, news bool) {
	s := Status{Router: m.gateway.Addr, External: m.plan.held.external, Err: err}
	if s.External.IsValid() && m.active != nil {
		s.Protocol, s.Err = m.active.protocol(), nil
	}
	m.mu.Lock()
	m.status = s
	m.mu.Unlock()
	if news && m.config.OnChange != nil {
		m.config.OnChange(s)
	}
	select {
	case <-m.first:
	default:
		close(m.first)
	}
}

// withdraw takes back what was, or may have been, granted.
func (m *Mapper) withdraw(ctx context.Context) {
	if m.active == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawal)
	defer cancel()
	_ = m.active.release(ctx, m.config.Port) // it ends by itself too
}
