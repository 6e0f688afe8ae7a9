package link

import (
	"time"

	"p2ptool/p2p/udp"
)

const closeTries = 3

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
// fail at once, and what was not acknowledged may not arrive: protocols above
// confirm what matters before. Close waits until the other side answered or a
// few tries went unanswered, at most a second. Twice is fine.
func (l *Link) Close(code uint64, reason string) error {
	l.do(func() { l.closeNow(code, reason) })
	<-l.done
	return nil
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
	c.next = l.now.Add(min(l.probeTimeout(), 300*time.Millisecond))
	l.sendClose(c.code, c.reason)
}

func (l *Link) probeTimeout() time.Duration {
	if l.chosen == nil {
		return 0
	}
	return l.chosen.rtt.probeTimeout()
}

// sendClose sends CLOSE on the path in use, or on all where that is not valid.
func (l *Link) sendClose(code uint64, reason string) {
	for _, p := range l.paths {
		if p == l.chosen || l.chosen == nil || l.chosen.state != valid {
			pkt := l.sendFrames(p, func(b []byte) []byte { return appendClose(b, code, reason) })
			l.write(p, udp.Batch{Data: pkt, Size: len(pkt)})
		}
	}
}

// Abandon ends the link without a word to the other side, which is known to
// have gone.
func (l *Link) Abandon(err error) { l.do(func() { l.end(err) }) }
