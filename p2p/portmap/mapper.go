package portmap

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// withdrawal limits the removal of the mapping at the end. If it fails, the mapping expires by
// itself.
const withdrawal = 700 * time.Millisecond

// A Config configures a Mapper.
type Config struct {
	// Port is the UDP port of this host.
	Port uint16

	// OnChange is called whenever a mapping is created, changed or lost, from the goroutine of
	// Run. It may be nil.
	OnChange func(Status)

	// Gateway finds the router; nil: FindGateway.
	Gateway func() (Gateway, error)

	// Dial opens a datagram socket connected to a port of the router; nil: the system's. If it is
	// set, UPnP is off, since it needs more than datagrams.
	Dial func(g Gateway, port uint16) (net.Conn, error)
}

// A Mapper keeps a mapping while it runs.
type Mapper struct {
	config Config
	hints  chan struct{} // has room for one

	gateway Gateway // the last one found
	active  client  // has, or requests, the mapping; nil: none
	plan    plan

	mu     sync.Mutex
	status Status
	first  chan struct{} // closed after the first result
}

// New returns a mapper. Call Run to start it.
func New(c Config) *Mapper {
	if c.Gateway == nil {
		c.Gateway = FindGateway
	}
	return &Mapper{config: c, hints: make(chan struct{}, 1), first: make(chan struct{})}
}

// Run creates the mapping and keeps it until ctx ends; then it removes the mapping, which takes less
// than a second. Call it once.
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

// Hint tells the mapper that the network may have changed, so that it soon asks the router again. It
// never blocks.
func (m *Mapper) Hint() {
	select {
	case m.hints <- struct{}{}:
	default:
	}
}

// Status returns the current status of the mapping.
func (m *Mapper) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// Asked is closed when it is known whether the router maps the port.
func (m *Mapper) Asked() <-chan struct{} { return m.first }

// turn performs the action that is due.
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
	m.setStatus(err, m.plan.held.external != before)
}

// obtain requests the mapping, first with the client that had it before.
func (m *Mapper) obtain(ctx context.Context) (lease, error) {
	g, err := m.config.Gateway()
	if g != m.gateway {
		m.gateway, m.active, m.plan = g, nil, plan{} // a mapping of another router is useless
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

// find requests the mapping in the best protocol that the router supports. All protocols are probed
// at the same time.
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

// graver returns the more informative error: a refusal rather than silence.
func graver(a, b error) error {
	if refusal, ok := errors.AsType[*ResultError](b); ok && *refusal != (ResultError{PCP, pcpOtherVersion}) || errors.Is(b, errNothing) {
		return b
	}
	return a
}

// setStatus sets the status, and reports it if it has changed.
func (m *Mapper) setStatus(err error, changed bool) {
	s := Status{Router: m.gateway.Addr, External: m.plan.held.external, Err: err}
	if s.External.IsValid() && m.active != nil {
		s.Protocol, s.Err = m.active.protocol(), nil
	}
	m.mu.Lock()
	m.status = s
	m.mu.Unlock()
	if changed && m.config.OnChange != nil {
		m.config.OnChange(s)
	}
	select {
	case <-m.first:
	default:
		close(m.first)
	}
}

// withdraw removes the mapping that was, or may have been, granted.
func (m *Mapper) withdraw(ctx context.Context) {
	if m.active == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawal)
	defer cancel()
	_ = m.active.release(ctx, m.config.Port) // if it fails, the mapping expires
}
