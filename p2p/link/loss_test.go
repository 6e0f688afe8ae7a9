package link

import (
	"slices"
	"testing"
	"time"

	"p2ptool/p2p/udp"
)

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
		{"the tail is lost: probes, with a longer and longer wait, up to four times the first", `
			0    send 1
			50   ack 0
			100  send 2
			7000 wait     -> probe at 275, probe at 625, probe at 1325, probe at 2025, probe at 2725, probe at 3425, probe at 4125, probe at 4825, probe at 5525, probe at 6225, probe at 6925
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
			newFakeLink(t).play(c.transcript)
		})
	}
}

// What is in flight on a path that is not in use any more is lost after the
// probe timeout, all of it: nothing later will be heard of there.
func TestRecoveryOfAPathThatWasLeft(t *testing.T) {
	t.Parallel()
	tr := newFakeLink(t)
	old := tr.path
	window := old.loss.Controller.Window()
	tr.send(old, 5)
	if other := tr.newPath(0); tr.link.best() != other {
		t.Fatal("the link has not changed to the other path")
	}
	tr.pass(tr.clock(499))
	if old.loss.InFlight == 0 || len(tr.log) > 0 {
		t.Fatalf("in flight: %d; %v", old.loss.InFlight, tr.log)
	}
	tr.pass(tr.clock(2000))
	if want := []string{"probe at 500", "lost 0", "lost 1", "lost 2", "lost 3", "lost 4"}; !slices.Equal(tr.log, want) || old.loss.InFlight != 0 {
		t.Errorf("in flight: %d; %v", old.loss.InFlight, tr.log)
	}
	if old.loss.Controller.Window() < window {
		t.Error("that was taken for congestion")
	}
}

// A probe timeout sends a packet that is acknowledged, even if there is no data to send again.
func TestProbeAlwaysSends(t *testing.T) {
	t.Parallel()
	tr := newFakeLink(t)
	sent := 0
	tr.path.conn = counting{sent: &sent}
	tr.send(tr.path, 3)
	tr.pass(tr.clock(600))
	tr.link.send()
	if tr.link.loss.history.End() != 5 || sent != probePackets {
		t.Errorf("%d packets, of which %d were not remembered", sent, 3+sent-int(tr.link.loss.history.End()))
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
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(20 * time.Minute)
		checked := make(chan int)
		w.a.do(func() { checked <- w.a.loss.history.Records() })
		if n := <-checked; n != 0 {
			t.Errorf("%d packets are remembered", n)
		}
	})
}
