package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/udp"
)

// A trial is a link without its loop, and a path of it, for which events are
// written down and what comes of them.
type trial struct {
	t     *testing.T
	link  *Link
	path  *path
	began time.Time
	log   []string // what has happened since it was last looked at

	flight []uint64 // packets that neither arrived nor were lost
}

func newTrial(t *testing.T) *trial {
	tr := &trial{t: t, link: newLink(Config{Initiator: true, OnPath: func(Path) {}})}
	t.Cleanup(tr.link.buffer.Release)
	tr.began = tr.link.now
	tr.path = tr.newPath(1)
	tr.link.validate(tr.path)
	return tr
}

func (tr *trial) newPath(port uint16) *path {
	p := tr.link.addPath(Route{Conn: nowhere{}, Channel: uint64(port)})
	p.cc = &logged{congestion: p.cc, tr: tr}
	return p
}

// logged is a controller whose verdicts are noted.
type logged struct {
	congestion
	tr *trial
}

func (c *logged) stalled() {
	c.tr.note("stall")
	c.congestion.stalled()
}

func (c *logged) regained(sent time.Time, n int) {
	c.tr.note("regained")
	c.congestion.regained(sent, n)
}

func (tr *trial) note(s string) { tr.log = append(tr.log, s) }

func (tr *trial) clock(ms float64) time.Time {
	return tr.began.Add(time.Duration(ms * float64(time.Millisecond)))
}

// send sends full packets on a path.
func (tr *trial) send(p *path, n int) {
	l := tr.link
	for range n {
		rec := l.history.add()
		rec.record(sentFrame{kind: sentFiller})
		rec.number = l.sender.Counter()
		tr.flight = append(tr.flight, rec.number)
		buf := l.buffer.Bytes()
		l.seal(p, buf, p.mtu-len(p.header)-noise.Overhead)
		l.track(p, rec, p.mtu)
	}
}

// ack has an ACK come by the path in use.
func (tr *trial) ack(text string) {
	var a ackFrame
	for r := range strings.SplitSeq(text, ",") {
		var s span
		if n, _ := fmt.Sscanf(r, "%d-%d", &s.start, &s.end); n == 1 {
			s.end = s.start
		}
		s.end++
		a.ranges = append(a.ranges, s)
		tr.flight = slices.DeleteFunc(tr.flight, func(n uint64) bool { return n >= s.start && n < s.end })
	}
	tr.link.from = tr.link.chosen
	if err := tr.link.onAck(a); err != nil {
		tr.note(err.Error())
	}
	tr.noteLost()
}

// noteLost notes the packets that were declared lost.
func (tr *trial) noteLost() {
	h := &tr.link.history
	tr.flight = slices.DeleteFunc(tr.flight, func(n uint64) bool {
		if at := h.find(n); at < h.next && h.at(at).number == n && h.at(at).state == inFlight {
			return false
		}
		tr.note(fmt.Sprintf("lost %d", n))
		return true
	})
}

// pass lets time pass, with what its timers do.
func (tr *trial) pass(until time.Time) {
	l := tr.link
	for {
		var p *path
		var at time.Time
		for _, q := range l.paths {
			for _, due := range []time.Time{q.recovery.lossAt, q.recovery.timeout(&q.rtt, q.inFlight)} {
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
		if p.recovery.lossAt.Equal(at) {
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
func (tr *trial) play(text string) {
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
				p = tr.link.paths[1]
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

func TestRecovery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, transcript string }{
		{"all arrives", `
			0   send 4
			50  ack 0-3
			999 wait`},
		{"a gap of three is a loss", `
			0   send 5
			50  ack 1-2
			50  ack 1-3   -> lost 0
			999 wait      -> probe at 150, probe at 450`},
		{"a gap of two is one after a quarter of the round trip", `
			0   send 3
			50  ack 1-2
			60  wait
			63  wait      -> lost 0
			999 wait`},
		{"what comes in the same ACK has not been overtaken", `
			0   send 6
			50  ack 5,1-3 -> lost 0
			51  ack 0-5   -> regained`},
		{"reordering is seen, and waited for", `
			0   send 4
			50  ack 2
			51  ack 0-3
			100 send 8
			150 ack 8-11
			152 ack 4-11
			200 send 8
			250 ack 16-19
			262 wait
			265 wait      -> lost 12, lost 13, lost 14, lost 15`},
		{"a wrong verdict makes the window wider", `
			0   send 4
			50  ack 1-3   -> lost 0
			51  ack 0     -> regained
			100 send 2
			150 ack 5
			174 wait
			175 ack 4
			999 wait`},
		{"the tail is lost: probes, with a longer and longer wait, up to a second", `
			0    send 1
			50   ack 0
			100  send 2
			7000 wait     -> probe at 275, probe at 625, probe at 1325, probe at 2325, probe at 3325, probe at 4325, probe at 5325, probe at 6325
			7000 send 1
			7050 ack 3    -> lost 1, lost 2`},
		{"nothing of what was sent for long arrives: a stall", `
			0    send 1
			50   ack 0
			100  send 1
			400  send 1   -> probe at 275
			700  send 1
			1000 send 1
			1050 ack 4    -> stall, lost 1, lost 2, lost 3`},
		{"if but one arrives there is none", `
			0    send 1
			50   ack 0
			100  send 1
			400  send 1   -> probe at 275
			700  send 1
			1000 send 1
			1050 ack 4,2  -> lost 1, lost 3`},
		{"a tail without a stall", `
			0    send 1
			50   ack 0
			100  send 2
			280  wait     -> probe at 275
			280  send 1
			330  ack 3    -> lost 1, lost 2`},
		{"acknowledging what was never sent", `
			0   send 2
			9   ack 0-2   -> peer acknowledged what was never sent`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			newTrial(t).play(c.transcript)
		})
	}
}

// What is in flight on a path that is not in use any more is lost after the
// probe timeout, all of it: nothing later will be heard of there.
func TestRecoveryOfAPathThatWasLeft(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	old := tr.path
	tr.send(old, 5)
	other := tr.newPath(2)
	tr.link.validate(other)
	tr.link.chosen = other
	tr.pass(tr.clock(499))
	if old.inFlight == 0 || len(tr.log) > 0 {
		t.Fatalf("in flight: %d; %v", old.inFlight, tr.log)
	}
	tr.pass(tr.clock(2000))
	if want := []string{"probe at 500", "lost 0", "lost 1", "lost 2", "lost 3", "lost 4"}; !slices.Equal(tr.log, want) || old.inFlight != 0 {
		t.Errorf("in flight: %d; %v", old.inFlight, tr.log)
	}
	if tr.path.cc.window() < initialWindow*baseMTU {
		t.Error("that was taken for congestion")
	}
}

// A probe timeout sends something that is acknowledged, even where nothing is
// left to send again.
func TestProbeAlwaysSends(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	sent := 0
	tr.path.route.Conn = counting{sent: &sent}
	tr.send(tr.path, 3)
	tr.pass(tr.clock(600))
	tr.link.send()
	if tr.link.history.next != 5 || sent != probePackets {
		t.Errorf("%d packets, of which %d were not remembered", sent, 3+sent-int(tr.link.history.next))
	}
}

type counting struct {
	nowhere
	sent *int
}

func (c counting) Write(b udp.Batch) error {
	b.Datagrams(func([]byte) { *c.sent++ })
	return nil
}

// A link that neither sends nor receives data remembers no packets.
func TestIdleHistoryIsEmpty(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(20 * time.Minute)
		checked := make(chan int)
		w.a.do(func() { checked <- len(w.a.history.ring) })
		if n := <-checked; n != 0 {
			t.Errorf("%d packets are remembered", n)
		}
	})
}
