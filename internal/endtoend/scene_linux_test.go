package endtoend

import (
	"os/exec"
	"testing"

	"p2ptool/internal/natlab"
)

// inside is a machine in a lab.
type inside struct{ *natlab.Host }

// start starts a program in the host's namespace: a process inherits the namespace of the
// thread that forks it.
func (in inside) start(cmd *exec.Cmd) (err error) {
	in.Do(func() { err = cmd.Start() })
	return err
}

const (
	serverAddr = "203.0.113.1:3478"
	outerA     = "198.51.100.1"
	outerB     = "198.51.100.2"
)

// A scene is a server on the internet and two users, each behind a router.
type scene struct {
	lab      *natlab.Lab
	server   *program
	host     *natlab.Host // the server's
	routerA  *natlab.Router
	routerB  *natlab.Router
	ann, bob *user
}

// newScene builds a scene: ann is behind a router of kind a, bob of kind b.
func newScene(t *testing.T, a, b natlab.Kind) *scene {
	t.Helper()
	s := newInternet(t)
	s.routerA, s.routerB = s.lab.Router(outerA, a), s.lab.Router(outerB, b)
	s.ann = newPeer(t, "ann", inside{s.routerA.Host("192.168.1.2")}, serverAddr)
	s.bob = newPeer(t, "bob", inside{s.routerB.Host("192.168.2.2")}, serverAddr)
	return s
}

// newInternet builds a scene with a server and no users.
func newInternet(t *testing.T) *scene {
	t.Helper()
	s := &scene{lab: natlab.New(t)}
	s.host = s.lab.Host("203.0.113.1")
	s.server, _ = serve(t, inside{s.host}, serverAddr)
	return s
}
