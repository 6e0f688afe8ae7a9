package link

import (
	"fmt"
	"strings"
	"time"

	"p2ptool/p2p/link/rtt"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// Codes of CLOSE; those of the application begin at AppCode.
const (
	CodeDone     = 0
	CodeProtocol = 1
	CodeReplaced = 2
	CodeInternal = 3
	CodeBusy     = 4 // too many links of strangers
	AppCode      = 64
)

const (
	closeTries = 3
	closeGap   = 300 * time.Millisecond // between them, at most
	leaveTime  = 500 * time.Millisecond // for what was written to arrive; or
	leaveTrips = 3                      // so many round trips, if that is longer, up to
	leaveMost  = 900 * time.Millisecond
)

// A CloseError says that a link was closed.
type CloseError struct {
	Remote bool // by the other side
	Code   uint64
	Reason string // if Remote, in the other side's words
}

func (e *CloseError) Error() string {
	who := "link was closed"
	if e.Remote {
		who = "link was closed by the peer"
	}
	if e.Reason == "" {
		return fmt.Sprintf("%s (code %d)", who, e.Code)
	}
	return fmt.Sprintf("%s (code %d: %q)", who, e.Code, e.Reason)
}

// leaving is the state of a link that is to be closed once what was written has
// arrived.
type leaving struct {
	begun  bool
	until  time.Time
	code   uint64
	reason string
}

// closing is the state of a link that we close: CLOSE is sent until the other
// side answers with its own, or a few times.
type closing struct {
	code   uint64
	reason string
	tries  int // 0: not begun
	next   time.Time
}

func (c *closing) begun() bool { return c.tries > 0 }

// Close closes the link with a code and a reason for the other side. Streams
// fail at once, but what was written to them is still delivered if that takes
// less than half a second or three round trips: that is no promise, and protocols
// above confirm what matters. Close waits for that, and until the other side
// answered or a few tries went unanswered: less than two seconds in all. Twice
// is fine.
func (l *Link) Close(code uint64, reason string) error {
	l.do(func() { l.leave(code, reason) })
	<-l.done
	return nil
}

func (l *Link) leave(code uint64, reason string) {
	if l.leaving.begun || l.closing.begun() {
		return
	}
	patience := min(max(leaveTime, leaveTrips*l.roundTrip()), leaveMost)
	l.leaving = leaving{true, l.now.Add(patience), code, reason}
	l.streams.refuse(&CloseError{Code: code, Reason: reason})
}

// advanceLeave closes the link that is to be closed, when it is time.
func (l *Link) advanceLeave() {
	v := &l.leaving
	if !l.reached() || !l.now.Before(v.until) || !l.streams.unsettled() {
		l.closeNow(v.code, v.reason)
	}
}

func (l *Link) closeNow(code uint64, reason string) {
	if l.closing.begun() {
		return
	}
	l.closing = closing{code: code, reason: reason}
	l.streams.fail(&CloseError{Code: code, Reason: reason})
	l.advanceClose()
}

func (l *Link) advanceClose() {
	c := &l.closing
	if l.now.Before(c.next) {
		return
	}
	if c.tries == closeTries {
		l.end(&CloseError{Code: c.code, Reason: c.reason})
		return
	}
	c.tries++
	c.next = l.now.Add(min(l.probeTimeout(), closeGap))
	l.sendClose(c.code, c.reason)
}

func (l *Link) probeTimeout() time.Duration {
	if p := l.best(); p != nil {
		return p.loss.RTT.ProbeTimeout()
	}
	return 2 * rtt.Initial
}

// sendClose sends CLOSE on the path in use, or on all where that is not valid; but to no peer from which
// nothing ever came.
func (l *Link) sendClose(code uint64, reason string) {
	for _, p := range l.paths.All() {
		if !p.Relayed() && l.paths.Unconfirmed() {
			continue
		}
		if (p == l.paths.Best() || !l.reached()) && l.paths.MayReach(l.now, p) {
			f := flowOf(p)
			l.put(f.conn, p.Route.Addr, l.small(f, p.MTU, func(b []byte) []byte {
				return wire.AppendClose(b, code, closeReason(p, reason))
			}), 0)
		}
	}
}

// reached reports whether a path is valid.
func (l *Link) reached() bool {
	p := l.paths.Best()
	return p != nil && p.State == path.Valid
}

// closeReason returns the reason that a CLOSE on a path gives: none to a host that never answered.
func closeReason(p *path.Path, reason string) string {
	if p.State == path.Untested && !p.Relayed() {
		return ""
	}
	return reason
}

// OnClose takes a CLOSE. One that crosses our own, or answers
// it, ends the link as we meant to.
func (l packetHandler) OnClose(code uint64, reason string) {
	if c := &l.closing; c.begun() {
		l.end(&CloseError{Code: c.code, Reason: c.reason})
		return
	}
	l.sendClose(CodeDone, "")
	l.end(&CloseError{Remote: true, Code: code, Reason: strings.ToValidUTF8(reason, "\uFFFD")})
}

// Abandon ends the link without a word to the other side, which is known to
// have gone.
func (l *Link) Abandon(err error) { l.do(func() { l.end(err) }) }
