package campaign

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"p2ptool/internal/cmd"
)

// A process is a command that runs in a world.
type process struct {
	name    string
	machine *machine
	who     *actor // nil: the server's
	words   []string

	sending     *send // nil: it is another command
	talking     *talk
	probing     bool // a probe: it has to succeed
	interrupted bool
	killed      bool
	meddled     map[string]bool // contents of its files after somebody has changed them
	late        bool            // it had to be interrupted

	gate     *gate
	signals  chan os.Signal
	files    string        // its folder
	began    time.Duration // since the run's begin
	status   int
	ended    time.Duration // when over
	endedNow atomic.Bool
	exited   atomic.Bool // it asked to be ended at once
	kept     int64       // bytes of stdout until it was killed

	stops []silence       // when SIGSTOP held it
	signs []time.Duration // when it said something, by a second
	said  int64           // bytes of both
	shown int64           // of stderr, in the trace
}

// launch starts a process.
func (w *world) launch(p *process, stdin string) *process {
	p.gate = newGate(p.machine)
	p.signals = make(chan os.Signal, 2)
	p.began = w.now()
	p.files = w.path(fmt.Sprintf("process-%02d", len(w.processes)))
	w.register(p)
	must(os.MkdirAll(p.files, 0o755))
	must(os.WriteFile(filepath.Join(p.files, "in"), []byte(stdin), 0o600))
	in, err := os.Open(filepath.Join(p.files, "in"))
	must(err)
	out, errs := p.create("out"), p.create("err")
	env := cmd.Env{
		Args:  append([]string{"p2ptool", p.words[0], "--json"}, p.words[1:]...),
		Stdin: in, Stdout: out, Stderr: errs,
		Getenv:  w.environment(p),
		Exit:    func(int) { p.exited.Store(true) },
		Machine: cmd.Machine{Network: p.gate, Signals: p.signals, DiskPace: diskPace},
	}
	if w.plan.tls {
		env.Machine.DialTCP = p.gate.dialTCP
		env.Machine.ListenTCP = w.listenTCP
	}
	w.log.note("%s begins: %q", p.name, p.words)
	go func() {
		p.status = cmd.Main(env)
		p.ended = w.now()
		for _, f := range []io.Closer{in, out, errs} {
			f.Close()
		}
		w.log.note("%s ends: %d", p.name, p.status)
		p.endedNow.Store(true)
	}()
	synctest.Wait() // the cli package has flags that all commands share while they are read
	return p
}

// register is for watch, which looks at all processes from another goroutine.
func (w *world) register(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes = append(w.processes, p)
}

func (p *process) create(name string) *os.File {
	f, err := os.Create(filepath.Join(p.files, name))
	must(err)
	return f
}

// environment has a state folder for each person, and leaves memory to the campaign.
func (w *world) environment(p *process) func(string) string {
	home := w.path("server")
	if p.who != nil {
		home = w.path(p.who.plan.name)
	}
	vars := map[string]string{"HOME": home, "XDG_STATE_HOME": filepath.Join(home, "state"), "GOMEMLIMIT": "off"}
	return func(name string) string { return vars[name] }
}

// over reports whether the process has ended.
func (p *process) over() bool { return p.endedNow.Load() }

// interrupt is Ctrl-C.
func (p *process) interrupt() {
	select {
	case p.signals <- os.Interrupt:
	default:
	}
}

// kill is SIGKILL: the process neither speaks nor writes any more. What is left of it runs
// down in a copy of its folder that nobody looks at.
func (p *process) kill(w *world) {
	if p.over() || p.killed {
		return
	}
	p.killed = true
	if fi, err := os.Stat(filepath.Join(p.files, "out")); err == nil {
		p.kept = fi.Size()
	}
	p.gate.kill()
	if p.who != nil && !w.shares(p) {
		defer p.who.disk.roomy()()
		p.who.graves++
		inbox := p.who.inbox(w)
		grave := fmt.Sprintf("%s.grave-%d", inbox, p.who.graves)
		must(os.Rename(inbox, grave))
		must(copyTree(grave, inbox))
	}
	p.interrupt()
	p.interrupt()
}

// shares reports whether another process of the same person may have the inbox open.
func (w *world) shares(p *process) bool {
	for _, o := range w.processes {
		if o != p && o.who == p.who && !o.over() && !o.killed && (o.words[0] == "run" || o.words[0] == "receive" || o.words[0] == "chat") {
			return true
		}
	}
	return false
}

// copyTree makes a folder like another. What has a final name there has it here as well, since
// what is noted of it names its inode; the state of unfinished transfers is copied.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyOne(path, filepath.Join(to, rel), e)
	})
}

func copyOne(from, to string, e fs.DirEntry) error {
	fi, err := e.Info()
	if err != nil {
		return err
	}
	if e.IsDir() {
		return os.Mkdir(to, fi.Mode().Perm()|0o700)
	}
	if !strings.Contains(from, stateFolder) {
		return os.Link(from, to)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, fi.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(to, time.Time{}, fi.ModTime())
}

// stoppedIn reports whether SIGSTOP held the process during a silence.
func (p *process) stoppedIn(s silence) bool {
	return slices.ContainsFunc(p.stops, func(stop silence) bool { return stop.from < s.to && s.from < stop.to+time.Second })
}

// id is the number of the event that started the process, as in its name.
func (p *process) id() string { return p.name[strings.LastIndexByte(p.name, '#')+1:] }

// listenTCP is Machine.ListenTCP of the server.
func (w *world) listenTCP(addr string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return w.streams.Listen(net.JoinHostPort(serverIP, port))
}
