package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p/link/congestion"
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
)

// A fakeLink is a link without its loop, and one of its paths. Tests feed it events and
// compare what it logs.
type fakeLink struct {
	t     *testing.T
	link  *Link
	path  *flow
	began time.Time
	log   []string // events since it was last read

	flight []uint64 // packets that neither arrived nor were lost
}

func newFakeLink(t *testing.T) *fakeLink {
	tr := &fakeLink{t: t, link: newLink(Config{Initiator: true, OnPath: func(Path) {}})}
	t.Cleanup(tr.link.buffer.Release)
	tr.began = tr.link.now
	tr.path = tr.newPath(1)
	return tr
}

// newPath returns a valid path without any sample of its round trip: the relay's if channel is not 0,
// which a direct one replaces.
func (tr *fakeLink) newPath(channel uint64) *flow {
	l, r := tr.link, path.Route{Socket: nowhere{}, Channel: channel}
	if channel != 0 {
		l.paths.AddRelay(l.now, r)
	} else {
		l.paths.AddCandidate(l.now, r)
	}
	p := flowOf(l.paths.Find(r))
	p.loss.Controller = &logged{Controller: p.loss.Controller, tr: tr}
	p.State = path.Lost
	l.paths.Acked(l.now, p.Path, l.now, p.MTU) // validates it
	return p
}

// logged is a controller whose verdicts are noted.
type logged struct {
	congestion.Controller
	tr *fakeLink
}

func (c *logged) PersistentCongestion() {
	c.tr.note("stall")
	c.Controller.PersistentCongestion()
}

func (c *logged) SpuriousLoss(now time.Time, p *congestion.Sent) {
	c.tr.note("regained")
	c.Controller.SpuriousLoss(now, p)
}

func (tr *fakeLink) note(s string) { tr.log = append(tr.log, s) }

func (tr *fakeLink) clock(ms float64) time.Time {
	return tr.began.Add(time.Duration(ms * float64(time.Millisecond)))
}

// send sends full packets on a path.
func (tr *fakeLink) send(p *flow, n int) {
	l := tr.link
	for range n {
		rec := l.loss.history.Add()
		rec.Record(recovery.Frame{Kind: recovery.Filler})
		rec.Number = l.sender.Counter()
		tr.flight = append(tr.flight, rec.Number)
		buf := l.buffer.Bytes()
		l.seal(p, buf, p.MTU-len(p.header)-noise.Overhead)
		l.track(p, rec, p.MTU)
	}
}

// ack has an ACK come by the path in use.
func (tr *fakeLink) ack(text string) {
	var a wire.Ack
	for r := range strings.SplitSeq(text, ",") {
		var s spans.Span
		if n, _ := fmt.Sscanf(r, "%d-%d", &s.Start, &s.End); n == 1 {
			s.End = s.Start
		}
		s.End++
		a.Ranges = append(a.Ranges, s)
		tr.flight = slices.DeleteFunc(tr.flight, func(n uint64) bool { return n >= s.Start && n < s.End })
	}
	tr.link.packetIn.from = tr.link.best()
	if err := (packetHandler{tr.link}).OnAck(a); err != nil {
		tr.note(err.Error())
	}
	tr.noteLost()
}

// noteLost notes the packets that were declared lost.
func (tr *fakeLink) noteLost() {
	h := &tr.link.loss.history
	tr.flight = slices.DeleteFunc(tr.flight, func(n uint64) bool {
		if p := h.Lookup(n); p != nil && p.State == recovery.InFlight {
			return false
		}
		tr.note(fmt.Sprintf("lost %d", n))
		return true
	})
}

// pass lets time pass, with what its timers do.
func (tr *fakeLink) pass(until time.Time) {
	l := tr.link
	for {
		var p *flow
		var at time.Time
		for _, q := range l.paths.All() {
			q := flowOf(q)
			for _, due := range []time.Time{q.loss.LossAt, q.loss.Timeout()} {
				if !due.IsZero() && (p == nil || due.Before(at)) {
					p, at = q, due
				}
			}
		}
		if p == nil || at.After(until) {
			l.now = until
			return
		}
		l.now = at
		ms := at.Sub(tr.began).Seconds() * 1000
		if p.loss.LossAt.Equal(at) {
			l.detectLost(p)
		} else {
			l.timeout(p)
			tr.note(fmt.Sprintf("probe at %.0f", ms))
		}
		tr.noteLost()
	}
}

// play reads a transcript: in each line a time in milliseconds, an event, and
// behind an arrow all that has come of it and of the time before.
func (tr *fakeLink) play(text string) {
	tr.t.Helper()
	for line := range strings.Lines(text) {
		line, want, _ := strings.Cut(strings.TrimSpace(line), "->")
		var ms float64
		var event, arg string
		if n, _ := fmt.Sscan(line, &ms, &event, &arg); n < 2 {
			continue
		}
		tr.pass(tr.clock(ms))
		switch n := 0; event {
		case "send", "relay":
			fmt.Sscan(arg, &n)
			p := tr.path
			if event == "relay" {
				p = flowOf(tr.link.paths.All()[1])
			}
			tr.send(p, n)
		case "ack":
			tr.ack(arg)
		case "wait":
		default:
			tr.t.Fatalf("what is %q?", line)
		}
		if got := strings.Join(tr.log, ", "); got != strings.TrimSpace(want) {
			tr.t.Errorf("%s-> %s, want %s", line, got, want)
		}
		tr.log = nil
	}
}
