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

// A testbed is a simulated network with a server and two machines. Whole commands run on them, in
// one process and in virtual time.
type testbed struct {
	t     *testing.T
	net   *netsim.Net
	dir   string
	peers [2]*testPeer
	n     int // commands started

	key    identity.SecretKey // of the server
	host   *netsim.Host       // of the server
	server *p2p.Server
}

// A testPeer is a machine with a key and a config.
type testPeer struct {
	name, config, home string
	guid               string
	host               *netsim.Host
}

const testbedServer = "203.0.113.1"

// onTestbed runs a test on a testbed, in a synctest bubble.
func onTestbed(t *testing.T, f func(t *testing.T, w *testbed)) {
	t.Helper()
	// Parsing a command writes to the library's global help flag. So these tests are not parallel,
	// and their commands have no help flag.
	help := cli.HelpFlag
	cli.HelpFlag = nil
	t.Cleanup(func() { cli.HelpFlag = help })
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &testbed{t: t, net: netsim.New(1), dir: dir}
		key, err := identity.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		host := func(addr string) *netsim.Host {
			h := w.net.Host(addr)
			h.Link(netsim.Link{Delay: 5 * time.Millisecond})
			return h
		}
		w.key, w.host = key, host(testbedServer)
		w.serve(key)
		for i, name := range []string{"ann", "bob"} {
			w.peers[i] = w.testPeer(name, host(fmt.Sprintf("198.51.100.%d", i+1)), key)
		}
		f(t, w)
		w.server.Close()
		w.net.Close()
	})
}

// serve starts the server with a key.
func (w *testbed) serve(key identity.SecretKey) {
	w.t.Helper()
	var err error
	if w.server, err = p2p.NewServer(p2p.ServerOptions{Key: key, Listen: ":3478", Network: w.host}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *testbed) testPeer(name string, h *netsim.Host, server identity.SecretKey) *testPeer {
	key, err := identity.GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	s := &testPeer{name: name, home: filepath.Join(w.dir, name), host: h, guid: key.GUID().String()}
	s.config = filepath.Join(s.home, "p2ptool.toml")
	text := fmt.Sprintf("mode = \"peer\"\nsecret_key = %q\n[peer]\nserver = \"%s:3478\"\nserver_key = %q\n[receive]\naccept = \"all\"\ndir = %q\n",
		key.Reveal(), testbedServer, server.Public().String(), filepath.Join(s.home, "inbox"))
	if err := os.MkdirAll(s.home, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.write(s.config, text)
	return s
}

func (w *testbed) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A testProcess is a started command.
type testProcess struct {
	t       *testing.T
	name    string
	stdout  string // file name
	stderr  string // file name
	signals chan os.Signal
	done    chan struct{}
	status  int
}

// start starts a command on a peer's machine with the given stdin.
func (w *testbed) start(s *testPeer, stdin string, args ...string) *testProcess {
	w.t.Helper()
	w.n++
	base := filepath.Join(w.dir, fmt.Sprintf("%d-%s-%s", w.n, s.name, args[0]))
	w.write(base+".in", stdin)
	r := &testProcess{t: w.t, name: s.name + "'s " + args[0], stdout: base + ".out", stderr: base + ".err",
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
		Machine: Machine{Network: s.host, Signals: r.signals, DiskPace: diskPace},
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

// diskPace makes the disks that bench measures read and write 10 MB/s.
func diskPace(bytes int) { time.Sleep(time.Duration(bytes) * 100 * time.Nanosecond) }

// alive reports whether the command still runs.
func (r *testProcess) alive() bool {
	synctest.Wait()
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// wantExit waits for the command's end and checks its exit status.
func (r *testProcess) wantExit(status int) {
	r.t.Helper()
	select {
	case <-r.done:
		if r.status != status {
			r.t.Errorf("%s ended with %d, not %d:\n%s", r.name, r.status, status, r.output())
		}
	case <-time.After(time.Minute):
		r.t.Errorf("%s does not end:\n%s", r.name, r.output())
	}
}

// stop interrupts the command and waits for its end.
func (r *testProcess) stop() {
	r.t.Helper()
	if r.alive() {
		r.signals <- syscall.SIGINT
		<-r.done
	}
}

// output returns everything that the command wrote to stderr and stdout.
func (r *testProcess) output() string {
	out, _ := os.ReadFile(r.stdout)
	notes, _ := os.ReadFile(r.stderr)
	return string(notes) + string(out)
}

// A jsonEvent is an event of --json.
type jsonEvent struct {
	Event, Text, Status, Peer string
}

// events returns the events so far.
func (r *testProcess) events() (all []jsonEvent) {
	r.t.Helper()
	b, err := os.ReadFile(r.stdout)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e jsonEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.t.Fatalf("%s wrote %q: %v", r.name, line, err)
		}
		all = append(all, e)
	}
	return all
}

// received returns the chat lines received so far.
func (r *testProcess) received() (lines []string) {
	for _, e := range r.events() {
		if e.Event == "message" {
			lines = append(lines, e.Text)
		}
	}
	return lines
}

func (r *testProcess) count(event string) (n int) {
	for _, e := range r.events() {
		if e.Event == event {
			n++
		}
	}
	return n
}

// wantOrder checks that the last event of one kind came before the last of another.
func (r *testProcess) wantOrder(first, then string) {
	r.t.Helper()
	at := map[string]int{}
	for i, e := range r.events() {
		at[e.Event] = i + 1
	}
	if at[first] == 0 || at[then] == 0 || at[first] > at[then] {
		r.t.Errorf("%s: %q is event %d, %q is event %d of\n%s", r.name, first, at[first], then, at[then], r.output())
	}
}
