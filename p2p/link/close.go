package link

import (
	"fmt"
	"strings"
	"time"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rtt"
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
	closeGap   = 300 * time.Millisecond // between tries, at most
	leaveTime  = 500 * time.Millisecond // for written data to arrive, or
	leaveTrips = 3                      // this many round trips if that is longer, but at most
	leaveMost  = 900 * time.Millisecond
)

// A CloseError says that a link was closed.
type CloseError struct {
	Remote bool // by the peer
	Code   uint64
	Reason string // if Remote, the peer's text: not trusted
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

// leaving is the state of a link that closes as soon as written data has arrived.
type leaving struct {
	begun  bool
	until  time.Time
	code   uint64
	reason string
}

// closing is the state of a link that this end closes: it sends CLOSE a few times, until the
// peer answers with its own.
type closing struct {
	code   uint64
	reason string
	tries  int // 0: not begun
	next   time.Time
}

func (c *closing) begun() bool { return c.tries > 0 }

// Close closes the link and sends the peer a code and a reason. Streams fail at once, but
// data that was written to them is still delivered if that takes less than half a second or
// three round trips. That is not guaranteed: protocols above have to confirm what matters.
// Close waits for the delivery, then until the peer answers or a few tries go unanswered: less
// than two seconds in all. It always returns nil. Calling it twice is fine.
func (l *Link) Close(code uint64, reason string) error {
	l.do(func() { l.leave(code, reason) })
	<-l.done
	return nil
}

func (l *Link) leave(code uint64, reason string) {
	if l.ending.leaving.begun || l.ending.closing.begun() {
		return
	}
	patience := min(max(leaveTime, leaveTrips*l.roundTrip()), leaveMost)
	l.ending.leaving = leaving{true, l.now.Add(patience), code, reason}
	l.streams.refuse(&CloseError{Code: code, Reason: reason})
}

// advanceLeave closes the link once written data has arrived, or it is time.
func (l *Link) advanceLeave() {
	v := &l.ending.leaving
	if !l.reached() || !l.now.Before(v.until) || !l.streams.unsettled() {
		l.closeNow(v.code, v.reason)
	}
}

func (l *Link) closeNow(code uint64, reason string) {
	if l.ending.closing.begun() {
		return
	}
	l.ending.closing = closing{code: code, reason: reason}
	l.streams.fail(&CloseError{Code: code, Reason: reason})
	l.advanceClose()
}

func (l *Link) advanceClose() {
	c := &l.ending.closing
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

// sendClose sends CLOSE on the path in use, or on all paths if that is not valid. While the handshake
// may have been a replay, it uses only the relay.
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

// closeReason returns the reason for a CLOSE on a path: none for a host that never answered.
func closeReason(p *path.Path, reason string) string {
	if p.State == path.Untested && !p.Relayed() {
		return ""
	}
	return reason
}

// OnClose handles a CLOSE. One that answers our own, or crosses it, ends the link with our
// own code.
func (l packetHandler) OnClose(code uint64, reason string) {
	if c := &l.ending.closing; c.begun() {
		l.end(&CloseError{Code: c.code, Reason: c.reason})
		return
	}
	l.sendClose(CodeDone, "")
	l.end(&CloseError{Remote: true, Code: code, Reason: strings.ToValidUTF8(reason, "\uFFFD")})
}

// Abandon ends the link without sending CLOSE, if the peer is known to be gone. It does not
// wait.
func (l *Link) Abandon(err error) { l.do(func() { l.end(err) }) }
