package link

import (
	"errors"
	"net/netip"

	"p2ptool/p2p/link/qlog"
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/path"
	"p2ptool/p2p/tunnel"
)

// This file logs what a link does. Its functions are called only if the application wants that (Config.Trace,
// Config.Log): otherwise a packet costs a comparison.

// A tracedPath is what was logged of a path last.
type tracedPath struct {
	id    int // in the trace; 0: nothing was logged yet
	addr  netip.AddrPort
	state path.State
	mtu   int
}

// traceSent logs a packet that is about to be sealed.
func (l *Link) traceSent(p *flow, size int, frames []byte) {
	l.cfg.Trace.Sent(l.now, l.traceID(p), l.sender.Counter(), size, frames)
}

// traceReceived logs a packet that was opened.
func (l *Link) traceReceived(p *flow, number uint64, size int, frames []byte) {
	l.cfg.Trace.Received(l.now, l.traceID(p), number, size, frames)
}

// traceLost logs a packet that was declared lost.
func (l *Link) traceLost(s *recovery.Packet) {
	l.cfg.Trace.Lost(l.now, l.traceID(flowOf(l.pathOf(s.Path))), s.Number)
}

// traceID returns the number of a path in the trace, which a new path, or one of a spray with another
// port, gets here. It is 0 for a packet of no path, or of one that was dropped.
func (l *Link) traceID(p *flow) int {
	if p == nil {
		return 0
	}
	if at := &p.traced; at.id == 0 || at.addr != p.Route.Addr {
		var local netip.AddrPort
		if _, none := p.conn.(nowhere); p.conn != nil && !none {
			local = p.conn.LocalAddr()
		}
		at.id, at.addr = l.cfg.Trace.Path(l.now, local, tunnel.Unmark(p.Route.Addr), p.Kind.String()), p.Route.Addr
	}
	return p.traced.id
}

// traceTurn logs what the last turn of the loop changed.
func (l *Link) traceTurn() {
	for _, p := range l.paths.All() {
		l.tracePath(flowOf(p))
	}
	p := l.best()
	if p == nil {
		return
	}
	if p != l.traced {
		l.traced = p
		l.logPath(p, "path in use")
		if t := l.cfg.Trace; t != nil {
			t.PathChosen(l.now, l.traceID(p), p.Kind.String())
		}
	}
	if t := l.cfg.Trace; t != nil {
		t.Metrics(l.now, p.traced.id, p.metrics())
		t.CongestionState(l.now, p.traced.id, p.loss.Controller.State())
	}
}

// tracePath logs a path's state and the size of its datagrams, if they have changed.
func (l *Link) tracePath(p *flow) {
	was := p.traced
	if was.mtu == 0 {
		was.mtu = p.MTU
		l.logPath(p, "path added")
	}
	p.traced.state, p.traced.mtu = p.State, p.MTU
	if p.State != was.state {
		l.logPath(p, "path is "+p.State.String(), "was", was.state.String())
	}
	if p.MTU != was.mtu {
		l.logPath(p, "path MTU", "bytes", p.MTU, "was", was.mtu)
	}
	t := l.cfg.Trace
	if t == nil {
		return
	}
	id := l.traceID(p)
	if p.State != was.state {
		t.PathState(l.now, id, was.state.String(), p.State.String())
	}
	if p.MTU != was.mtu {
		t.MTU(l.now, id, was.mtu, p.MTU)
	}
}

func (l *Link) logPath(p *flow, message string, more ...any) {
	if log := l.cfg.Log; log != nil {
		log.Debug(message, append([]any{"kind", p.Kind.String(), "addr", tunnel.Unmark(p.Route.Addr).String()}, more...)...)
	}
}

func (p *flow) metrics() qlog.Metrics {
	r := &p.loss.RTT
	return qlog.Metrics{
		MinRTT: r.Min, SmoothedRTT: r.Smoothed, LatestRTT: r.Latest, RTTVariance: r.Variance,
		Timeouts: p.loss.Probes, Window: p.loss.Controller.Window(), InFlight: p.loss.InFlight,
		Rate: int(8 * p.loss.Controller.Rate(r)),
	}
}

// traceEnd logs the end of the link.
func (l *Link) traceEnd() {
	err := l.Err()
	if l.cfg.Log != nil {
		l.cfg.Log.Debug("link has ended", "error", err)
	}
	t := l.cfg.Trace
	if t == nil {
		return
	}
	if c, ok := errors.AsType[*CloseError](err); ok {
		t.Close(l.now, c.Remote, c.Code, c.Reason)
		return
	}
	t.Close(l.now, false, CodeInternal, err.Error())
}
