package cmd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
)

// A town is a network with a server and two machines, on which whole commands run in one
// process and in virtual time.
type town struct {
	t     *testing.T
	net   *netsim.Net
	dir   string
	sides [2]*party
	n     int // commands started
}

// A party is a person with a machine and a key.
type party struct {
	name, config, home string
	guid               string
	host               *netsim.Host
}

const townServer = "203.0.113.1"

// inTown runs a test in one, in a bubble.
func inTown(t *testing.T, f func(t *testing.T, w *town)) {
	t.Helper()
	// A command that is parsed writes to the library's flag for help, which all commands share. So
	// these tests are not parallel, and their commands have none.
	help := cli.HelpFlag
	cli.HelpFlag = nil
	t.Cleanup(func() { cli.HelpFlag = help })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t, net: netsim.New(1), dir: dir}
		key, err := identity.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		host := func(addr string) *netsim.Host {
			h := w.net.Host(addr)
			h.Link(netsim.Link{Delay: 5 * time.Millisecond})
			return h
		}
		server, err := p2p.NewServer(p2p.ServerOptions{Key: key, Listen: ":3478", Network: host(townServer)})
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"ann", "bob"} {
			w.sides[i] = w.party(name, host(fmt.Sprintf("198.51.100.%d", i+1)), key)
		}
		f(t, w)
		server.Close()
		w.net.Close()
	})
}

func (w *town) party(name string, h *netsim.Host, server identity.SecretKey) *party {
	key, err := identity.GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	s := &party{name: name, home: filepath.Join(w.dir, name), host: h, guid: key.GUID().String()}
	s.config = filepath.Join(s.home, "p2ptool.toml")
	text := fmt.Sprintf("mode = \"peer\"\nsecret_key = %q\n[peer]\nserver = \"%s:3478\"\nserver_key = %q\n[receive]\naccept = \"all\"\ndir = %q\n",
		key.Reveal(), townServer, server.Public().String(), filepath.Join(s.home, "inbox"))
	if err := os.MkdirAll(s.home, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.write(s.config, text)
	return s
}

func (w *town) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A running is a command that was started.
type running struct {
	t       *testing.T
	name    string
	stdout  string // files
	stderr  string
	signals chan os.Signal
	done    chan struct{}
	status  int
}

// start runs a command on a party's machine, with that text on its stdin.
func (w *town) start(s *party, stdin string, args ...string) *running {
	w.t.Helper()
	w.n++
	base := filepath.Join(w.dir, fmt.Sprintf("%d-%s-%s", w.n, s.name, args[0]))
	w.write(base+".in", stdin)
	r := &running{t: w.t, name: s.name + "'s " + args[0], stdout: base + ".out", stderr: base + ".err",
		signals: make(chan os.Signal, 1), done: make(chan struct{})}
	var files [3]*os.File
	var err error
	for i, open := range []func() (*os.File, error){
		func() (*os.File, error) { return os.Open(base + ".in") },
		func() (*os.File, error) { return os.Create(r.stdout) },
		func() (*os.File, error) { return os.Create(r.stderr) },
	} {
		if files[i], err = open(); err != nil {
			w.t.Fatal(err)
		}
	}
	env := Env{
		Args:  append([]string{"p2ptool", args[0], "--json", "--config", s.config}, args[1:]...),
		Stdin: files[0], Stdout: files[1], Stderr: files[2],
		Getenv: func(name string) string {
			return map[string]string{"HOME": s.home, "GOMEMLIMIT": "off"}[name]
		},
		Exit:    func(int) { panic("a command did not end in time") },
		Machine: Machine{Network: s.host, Signals: r.signals},
	}
	go func() {
		defer close(r.done)
		r.status = Main(env)
		for _, f := range files {
			f.Close()
		}
	}()
	return r
}

// lives reports whether the command goes on.
func (r *running) lives() bool {
	synctest.Wait()
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// ends waits for its end and wants that status.
func (r *running) ends(status int) {
	r.t.Helper()
	select {
	case <-r.done:
		if r.status != status {
			r.t.Errorf("%s ended with %d, not %d:\n%s", r.name, r.status, status, r.said())
		}
	case <-time.After(time.Minute):
		r.t.Errorf("%s does not end:\n%s", r.name, r.said())
	}
}

// stop interrupts it.
func (r *running) stop() {
	r.t.Helper()
	if r.lives() {
		r.signals <- syscall.SIGINT
		<-r.done
	}
}

// said returns all that it wrote.
func (r *running) said() string {
	out, _ := os.ReadFile(r.stdout)
	notes, _ := os.ReadFile(r.stderr)
	return string(notes) + string(out)
}

// An occurrence is a line of --json.
type occurrence struct {
	Event, Text, Status, Peer string
}

// events returns those that it told so far.
func (r *running) events() (all []occurrence) {
	r.t.Helper()
	b, err := os.ReadFile(r.stdout)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e occurrence
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.t.Fatalf("%s wrote %q: %v", r.name, line, err)
		}
		all = append(all, e)
	}
	return all
}

// heard returns the lines of chat that it showed.
func (r *running) heard() (lines []string) {
	for _, e := range r.events() {
		if e.Event == "message" {
			lines = append(lines, e.Text)
		}
	}
	return lines
}

func (r *running) count(event string) (n int) {
	for _, e := range r.events() {
		if e.Event == event {
			n++
		}
	}
	return n
}

// order wants two events, the last of each, to have come one after the other.
func (r *running) order(first, then string) {
	r.t.Helper()
	at := map[string]int{}
	for i, e := range r.events() {
		at[e.Event] = i + 1
	}
	if at[first] == 0 || at[then] == 0 || at[first] > at[then] {
		r.t.Errorf("%s: %q came as number %d, %q as %d of\n%s", r.name, first, at[first], then, at[then], r.said())
	}
}
