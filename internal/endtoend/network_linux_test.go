package endtoend

import (
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// TestIPv6 has users with IPv6 only.
func TestIPv6(t *testing.T) {
	t.Parallel()
	s := &scene{lab: natlab.New(t)}
	s.host = s.lab.Host("2001:db8::1")
	const addr = "[2001:db8::1]:3478"
	s.server, _ = serve(t, inside{s.host}, addr)
	s.ann = newPeer(t, "ann", inside{s.lab.Host("2001:db8::2")}, addr)
	s.bob = newPeer(t, "bob", inside{s.lab.Host("2001:db8::3")}, addr)
	s.pass(t, 2*mB, "direct")
}

// TestSmallPackets: a provider's tunnel silently drops packets of the usual length, from the
// start or suddenly.
func TestSmallPackets(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int64{"from the start": 0, "suddenly": changeAt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
			tunnel := func(*program) {
				s.routerB.Link(natlab.Link{Delay: 5 * time.Millisecond, MTU: 1300})
			}
			if at == 0 {
				tunnel(nil)
				s.pass(t, 2*mB, "direct")
				return
			}
			s.during(t, 3*time.Second, tunnel)
		})
	}
}

// TestServerRestarts: registered peers are found again soon after the server restarts.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	s := &scene{lab: natlab.New(t)}
	s.host = s.lab.Host("203.0.113.1")
	owner := newUser(t, "server", inside{s.host})
	serve := func() *program {
		p := owner.run("serve", "--listen", serverAddr)
		p.await(patience, "address", is("listening"))
		return p
	}
	server := serve()
	s.ann = newPeer(t, "ann", inside{s.lab.Router(outerA, natlab.PortRestricted).Host("192.168.1.2")}, serverAddr)
	s.bob = newPeer(t, "bob", inside{s.lab.Router(outerB, natlab.PortRestricted).Host("192.168.2.2")}, serverAddr)
	writeFile(t, s.ann.path("out/file"), 1*mB, 1)
	receiver := s.bob.receive("--once")
	server.kill()
	mark := receiver.mark()
	serve()
	sender := s.ann.run("send", "out/file", "--to", s.bob.guid, "--wait", "1m")
	e := receiver.awaitFrom(mark, time.Minute, "registration", is("registered"))
	sender.end(0)
	receiver.end(0)
	sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
	t.Logf("registered again %v after the restart", e.seen.Sub(sender.begun).Round(time.Millisecond))
}
