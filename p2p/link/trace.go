package link

import (
	"errors"
	"net/netip"

	"p2ptool/p2p/link/qlog"
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/tunnel"
)

// This file logs what a link does. Its functions are called only if the application wants that (Config.Trace,
// Config.Log): otherwise a packet costs a comparison.

// A tracedPath is what was logged of a path last.
type tracedPath struct {
	id    int // in the trace; 0: nothing was logged yet
	addr  netip.AddrPort
	state pathState
	mtu   int
}

func (s pathState) String() string {
	return [...]string{candidate: "untested", valid: "valid", dead: "lost"}[s]
}

// traceSent logs a packet that is about to be sealed.
func (l *Link) traceSent(p *linkPath, size int, frames []byte) {
	l.cfg.Trace.Sent(l.now, l.traceID(p), l.sender.Counter(), size, frames)
}

// traceReceived logs a packet that was opened.
func (l *Link) traceReceived(p *linkPath, number uint64, size int, frames []byte) {
	l.cfg.Trace.Received(l.now, l.traceID(p), number, size, frames)
}

// traceLost logs a packet that was declared lost.
func (l *Link) traceLost(s *recovery.Packet) {
	id := 0
	if p := l.pathOf(s.Path); p != nil {
		id = l.traceID(p)
	}
	l.cfg.Trace.Lost(l.now, id, s.Number)
}

// traceID returns the number of a path in the trace, which a new path, or one of a spray with another
// port, gets here.
func (l *Link) traceID(p *linkPath) int {
	if at := &p.traced; at.id == 0 || at.addr != p.route.Addr {
		var local netip.AddrPort
		if _, none := p.route.Conn.(nowhere); p.route.Conn != nil && !none {
			local = p.route.Conn.LocalAddr()
		}
		at.id, at.addr = l.cfg.Trace.Path(l.now, local, tunnel.Unmark(p.route.Addr), p.kind.String()), p.route.Addr
	}
	return p.traced.id
}

// traceTurn logs what the last turn of the loop changed.
func (l *Link) traceTurn() {
	for _, p := range l.paths {
		l.tracePath(p)
	}
	p := l.chosen
	if p == nil {
		return
	}
	if p != l.tracedChoice {
		l.tracedChoice = p
		l.logPath(p, "path in use")
		if t := l.cfg.Trace; t != nil {
			t.PathChosen(l.now, l.traceID(p), p.kind.String())
		}
	}
	if t := l.cfg.Trace; t != nil {
		t.Metrics(l.now, p.traced.id, p.metrics())
		t.CongestionState(l.now, p.traced.id, p.loss.Controller.State())
	}
}

// tracePath logs a path's state and the size of its datagrams, if they have changed.
func (l *Link) tracePath(p *linkPath) {
	was := p.traced
	if was.mtu == 0 {
		was.mtu = p.mtu
		l.logPath(p, "path added")
	}
	p.traced.state, p.traced.mtu = p.state, p.mtu
	if p.state != was.state {
		l.logPath(p, "path is "+p.state.String(), "was", was.state.String())
	}
	if p.mtu != was.mtu {
		l.logPath(p, "path MTU", "bytes", p.mtu, "was", was.mtu)
	}
	t := l.cfg.Trace
	if t == nil {
		return
	}
	id := l.traceID(p)
	if p.state != was.state {
		t.PathState(l.now, id, was.state.String(), p.state.String())
	}
	if p.mtu != was.mtu {
		t.MTU(l.now, id, was.mtu, p.mtu)
	}
}

func (l *Link) logPath(p *linkPath, message string, more ...any) {
	if log := l.cfg.Log; log != nil {
		log.Debug(message, append([]any{"kind", p.kind.String(), "addr", tunnel.Unmark(p.route.Addr).String()}, more...)...)
	}
}

func (p *linkPath) metrics() qlog.Metrics {
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
