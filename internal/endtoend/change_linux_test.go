package endtoend

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

const (
	// changeSize and changeLimit make a transfer last for some seconds, without
	// more work than the machine can do.
	changeSize  = 40 * mB
	changeLimit = "8MB/s"
	changeAt    = 12 * mB // when the network changes
)

// TestMappingChanges: the NATs remove or change their mappings in the middle of a transfer,
// which continues within the promised time.
func TestMappingChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		kind   natlab.Kind
		change func(s *scene, port uint16)
	}{
		{"sender's router restarts", natlab.PortRestricted, func(s *scene, _ uint16) { s.routerA.Flush() }},
		{"receiver's router restarts", natlab.PortRestricted, func(s *scene, _ uint16) { s.routerB.Flush() }},
		{"both routers restart", natlab.PortRestricted, func(s *scene, _ uint16) { s.routerA.Flush(); s.routerB.Flush() }},
		{"sender's port changes", natlab.PortRestricted, func(s *scene, port uint16) { s.routerA.Remap(port, 40000) }},
		{"sender's address changes", natlab.PortRestricted, func(s *scene, _ uint16) { s.routerA.Readdress("198.51.100.11") }},
		{"receiver's address changes", natlab.PortRestricted, func(s *scene, _ uint16) { s.routerB.Readdress("198.51.100.12") }},
		{"both addresses change", natlab.PortRestricted, func(s *scene, _ uint16) {
			s.routerA.Readdress("198.51.100.11")
			s.routerB.Readdress("198.51.100.12")
		}},
		{"sender's computer gets another address", natlab.PortRestricted, func(s *scene, _ uint16) {
			s.ann.on.(inside).Readdress("192.168.1.77")
		}},
		{"receiver's computer gets another address", natlab.PortRestricted, func(s *scene, _ uint16) {
			s.bob.on.(inside).Readdress("192.168.2.77")
		}},
		{"relayed, sender's router restarts", natlab.Symmetric, func(s *scene, _ uint16) { s.routerA.Flush() }},
		{"relayed, receiver's address changes", natlab.Symmetric, func(s *scene, _ uint16) { s.routerB.Readdress("198.51.100.12") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, tt.kind, tt.kind)
			s.during(t, 3*time.Second, func(sender *program) {
				tt.change(s, portOf(t, sender))
			})
		})
	}
}

// TestServerKilled: the end of the server does not affect a direct transfer.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	sender, receiver := s.during(t, time.Second, func(*program) { s.server.kill() })
	for _, p := range []*program{sender, receiver} {
		if n := len(p.all(is("path"))); n > 0 {
			t.Errorf("%s changed its path %d times", p.name, n)
		}
	}
}

// during changes the network in the middle of a transfer. It checks that the file arrives and
// that the transfer stalls no longer than given, plus one second for the error of measurement.
func (s *scene) during(t *testing.T, stall time.Duration, change func(sender *program)) (sender, receiver *program) {
	t.Helper()
	writeFile(t, s.ann.path("out/file"), changeSize, 1)
	receiver = s.bob.receive("--once")
	sender = s.ann.run("send", "out/file", "--to", s.bob.guid, "--limit", changeLimit)
	receiver.await(patience, "progress", beyond(changeAt))
	change(sender)
	changed := time.Now()
	sender.end(0)
	receiver.end(0)
	sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
	longest := longestStall(receiver, changed)
	if longest > stall+time.Second {
		t.Errorf("nothing arrived for %v", longest)
	}
	if e := receiver.await(0, "end", is("done")); e.Resumed != 0 {
		t.Errorf("the transfer was interrupted: %d bytes are of an earlier one", e.Resumed)
	}
	t.Logf("stalled for %v; paths of the sender: %v, of the receiver: %v", longest.Round(time.Millisecond), sender.paths(), receiver.paths())
	return sender, receiver
}

// longestStall returns the longest time between two progress events of which the later one
// came after a change.
func longestStall(p *program, changed time.Time) (longest time.Duration) {
	var last event
	for _, e := range p.all(is("progress")) {
		if last.Event != "" && e.Bytes > last.Bytes {
			if e.Time.After(changed) {
				longest = max(longest, e.Time.Sub(last.Time))
			}
			last = e
		} else if last.Event == "" {
			last = e
		}
	}
	return longest
}

// paths returns the kinds of the program's active paths, in order.
func (p *program) paths() []string {
	var kinds []string
	for _, e := range p.all(func(e event) bool { return e.Event == "connected" || e.Event == "path" }) {
		kinds = append(kinds, e.Path)
	}
	return slices.Compact(kinds)
}

// portOf returns the port of a program behind a router that keeps ports.
func portOf(t *testing.T, p *program) uint16 {
	t.Helper()
	addr, err := netip.ParseAddrPort(p.await(patience, "registration", is("registered")).Addr)
	if err != nil {
		t.Fatal(err)
	}
	return addr.Port()
}
