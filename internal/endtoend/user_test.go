package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A machine is a place where programs run.
type machine interface {
	start(*exec.Cmd) error
}

// here is the machine on which the test runs.
type here struct{}

func (here) start(cmd *exec.Cmd) error { return cmd.Start() }

// A user has a home folder on a machine.
type user struct {
	t    *testing.T
	name string
	on   machine
	home string
	guid string
}

// newUser creates a user without a config.
func newUser(t *testing.T, name string, on machine) *user {
	t.Helper()
	return &user{t: t, name: name, on: on, home: t.TempDir()}
}

// newPeer creates a user whose config names a server; empty: none.
func newPeer(t *testing.T, name string, on machine, server string) *user {
	t.Helper()
	u := newUser(t, name, on)
	args := []string{"init", "--name", name}
	if server != "" {
		args = append(args, "--server", server)
	}
	p := u.run(args...)
	p.end(0)
	u.guid = p.await(0, "id", func(e event) bool { return e.GUID != "" }).GUID
	return u
}

// command returns a command of the user's, with --json.
func (u *user) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv(binaryVar), append(args, "--json")...)
	cmd.Dir = u.home
	cmd.Env = []string{
		"HOME=" + u.home, "XDG_STATE_HOME=" + u.path("state"), "XDG_CONFIG_HOME=" + u.path("config"),
		"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"TMPDIR=" + os.TempDir(), "LocalAppData=" + u.path("state"),
	}
	return cmd
}

// run starts a command of the user's. Its stdin is empty.
func (u *user) run(args ...string) *program {
	u.t.Helper()
	return start(u.t, u.on, u.name+": p2ptool "+args[0], u.command(args...))
}

// path returns the path of a file in the user's home folder.
func (u *user) path(name string) string { return filepath.Join(u.home, name) }

// serve starts a server and returns it with its address.
func serve(t *testing.T, on machine, listen string) (*program, string) {
	t.Helper()
	p := newUser(t, "server", on).run("serve", "--listen", listen)
	return p, p.await(patience, "address", is("listening")).Addr
}

// receive starts a receiver and waits until peers can reach it.
func (u *user) receive(args ...string) *program {
	u.t.Helper()
	p := u.run(append([]string{"receive", "--yes", "--dir", u.path("in")}, args...)...)
	p.await(patience, "readiness", is("listening"))
	return p
}
