package endtoend

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// TestNATsEarlyArrival has one side so far away that the other's probes arrive long before its
// own leave. A bare masquerade would then map it to another port.
func TestNATsEarlyArrival(t *testing.T) {
	t.Parallel()
	for name, far := range map[string]func(*scene) *natlab.Router{
		"the bare masquerade is far": func(s *scene) *natlab.Router { return s.routerA },
		"the other is far":           func(s *scene) *natlab.Router { return s.routerB },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, natlab.BareMasquerade, natlab.PortRestricted)
			far(s).Link(natlab.Link{Delay: 40 * time.Millisecond})
			s.pass(t, mB, "direct")
		})
	}
}

// TestNATsIdle: a direct path survives an idle time far longer than the mapping timeout of
// both NATs, without the relay.
func TestNATsIdle(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	s.routerA.SetTimeout(7 * time.Second)
	s.routerB.SetTimeout(7 * time.Second)
	receiver := s.bob.receive("--once")
	cmd := s.ann.command("send", "-", "--name", "stream", "--to", s.bob.guid)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	sender := start(t, s.ann.on, "ann: p2ptool send -", cmd)
	sender.await(patience, "direct path", onPath("direct"))
	receiver.await(patience, "direct path", onPath("direct"))
	say := func() {
		if _, err := pipe.Write(make([]byte, mB)); err != nil {
			t.Fatal(err)
		}
	}
	say()
	receiver.await(patience, "progress", beyond(mB/2))
	changes := map[*program]int{}
	for _, p := range []*program{sender, receiver} {
		changes[p] = len(p.all(is("path")))
	}
	quiet := time.NewTimer(either(140*time.Second, 25*time.Second))
	defer quiet.Stop()
	select {
	case <-quiet.C:
	case <-sender.done:
	}
	before := carried(t, s.host)
	say()
	pipe.Close()
	sender.end(0)
	receiver.end(0)
	if n := carried(t, s.host) - before; n > mB/4 {
		t.Errorf("the server received %d bytes", n)
	}
	for p, before := range changes {
		if n := len(p.all(is("path"))) - before; n > 0 || p.path() != "direct" {
			t.Errorf("%s is on path %q, and changed it %d times", p.name, p.path(), n)
		}
	}
}

// carried returns how many bytes a host received.
func carried(t *testing.T, h *natlab.Host) (bytes int64) {
	t.Helper()
	h.Do(func() {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "eth0:"); ok {
				bytes, err = strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			}
		}
		if err != nil || bytes == 0 {
			t.Errorf("the counter of eth0: %d, %v", bytes, err)
		}
	})
	return bytes
}
