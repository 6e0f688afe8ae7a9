package campaign

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// TestReal runs a sample with real processes, NATs of the kernel, and disks that
// lose power: -seeds says how many. Times are real, so a seed fixes what is done,
// and not what it meets.
func TestReal(t *testing.T) {
	n := 2
	if given("seeds") {
		n = *seeds
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("not root")
		}
		t.Skip("not root")
	}
	binary := build(t)
	for seed := *from; seed < *from+uint64(n); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := newStage(t, seed, binary)
			s.play()
			j := &judge{w: s.w, said: map[*process][]entry{}, twice: s.again()}
			for _, p := range s.w.processes {
				j.said[p] = p.entries()
			}
			j.lines()
			j.files()
			s.judge(j)
			if len(j.faults) > 0 {
				t.Errorf("%s\n%s\nrepeat: go test ./internal/campaign -run Real -seeds 1 -from %d", strings.Join(j.faults, "\n"), strings.Join(s.diary, "\n"), seed)
			}
		})
	}
}

// build builds the program, unless one is named.
func build(t *testing.T) string {
	if binary := os.Getenv("P2PTOOL_BINARY"); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), "p2ptool")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "p2ptool").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// A stage is what a world is, with real processes.
type stage struct {
	t      *testing.T
	d      dice
	w      *world
	binary string
	lab    *natlab.Lab
	server *natlab.Host
	hosts  []*natlab.Host
	routes []*natlab.Router
	disks  []*ext4
	diary  []string
	mu     sync.Mutex
	real   map[*process]*running
	next   int // id of the next command
	moves  int // how many addresses routers have got
}

// A running is a process of the system.
type running struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// newStage builds the network, and the disks of two people.
func newStage(t *testing.T, seed uint64, binary string) *stage {
	d := newDice(seed)
	plan := &schedule{seed: seed, people: []person{{name: "ann", conflict: "rename", taken: d.IntN(3)}, {name: "bob", conflict: "rename", taken: d.IntN(3)}}}
	s := &stage{t: t, d: d, binary: binary, lab: natlab.New(t), real: map[*process]*running{},
		w: &world{plan: plan, began: time.Now(), dir: t.TempDir(), commands: map[int]*process{}}}
	s.server = s.lab.Host(serverIP)
	kinds := []natlab.Kind{natlab.FullCone, natlab.PortRestricted, natlab.Symmetric}
	for i := range plan.people {
		r := s.lab.Router(fmt.Sprintf("198.51.100.%d", 1+i), pick(d, kinds...))
		r.Link(natlab.Link{Delay: d.scaleSpan(time.Millisecond, 30*time.Millisecond), Loss: pick(d, 0, 0, .01, .05), Rate: int(d.scale(1e6, 10e6))})
		s.routes = append(s.routes, r)
		s.hosts = append(s.hosts, r.Host(fmt.Sprintf("192.168.%d.2", 1+i)))
		must(os.MkdirAll(s.w.path(plan.people[i].name), 0o755))
		s.disks = append(s.disks, newExt4(t, s.w.path(plan.people[i].name+".img"), s.w.path(filepath.Join(plan.people[i].name, "inbox"))))
	}
	s.w.serverKey = newKey()
	for i, p := range plan.people {
		s.w.people = append(s.w.people, s.w.newPerson(i, p))
		s.disks[i].do("sync", "-f", s.disks[i].dir)
	}
	for i, p := range plan.people {
		s.w.write(filepath.Join(p.name, "p2ptool.toml"), s.w.config(i))
	}
	s.w.write("server/p2ptool.toml", fmt.Sprintf("mode = \"server\"\nsecret_key = %q\n", s.w.serverKey.Reveal()))
	return s
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprintf("%7.3f  %s", s.w.now().Seconds(), fmt.Sprintf(format, args...))
	s.diary = append(s.diary, line)
	if *trace {
		fmt.Println(line)
	}
}

// launch starts a process of a person, or of the server if that is nil.
func (s *stage) launch(who *actor, stdin string, words ...string) *process {
	home, host := "server", s.server
	if who != nil {
		home, host = who.plan.name, s.hosts[who.index]
	}
	s.next++
	p := &process{name: fmt.Sprintf("%s %s #%d", home, words[0], s.next), who: who, words: words, began: s.w.now(),
		files: s.w.path(fmt.Sprintf("process-%02d", s.next))}
	must(os.MkdirAll(p.files, 0o755))
	must(os.WriteFile(filepath.Join(p.files, "in"), []byte(stdin), 0o600))
	cmd := exec.Command(s.binary, append(append([]string{words[0], "--json"}, words[1:]...), "--config", s.w.path(filepath.Join(home, "p2ptool.toml")))...)
	cmd.Dir = s.w.path(home)
	cmd.Env = []string{"HOME=" + s.w.path(home), "XDG_STATE_HOME=" + s.w.path(home+"/state"), "XDG_RUNTIME_DIR=" + s.w.path(home), "PATH=" + os.Getenv("PATH")}
	in, err := os.Open(filepath.Join(p.files, "in"))
	must(err)
	out, errs := p.create("out"), p.create("err")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
	r := &running{cmd, make(chan struct{})}
	host.Do(func() { err = cmd.Start() })
	must(err)
	s.w.register(p)
	s.real[p] = r
	s.note("%s begins: %q", p.name, words)
	go func() {
		_ = cmd.Wait() // the status says it
		for _, f := range []*os.File{in, out, errs} {
			f.Close()
		}
		p.status, p.ended = cmd.ProcessState.ExitCode(), s.w.now()
		p.endedNow.Store(true)
		close(r.ended)
	}()
	return p
}

// signal sends a signal to a process, if it is there.
func (s *stage) signal(p *process, sig syscall.Signal) {
	if p != nil && !p.over() {
		_ = s.real[p].cmd.Process.Signal(sig)
	}
}

// kill ends a process by SIGKILL, and waits for it.
func (s *stage) kill(p *process) {
	if p == nil || p.over() {
		return
	}
	p.killed, p.kept = true, 1<<40
	s.signal(p, syscall.SIGKILL)
	<-s.real[p].ended
}

// resident starts a person's resident.
func (s *stage) resident(a *actor) *process {
	p := s.launch(a, "", "run")
	a.residents = append(a.residents, p)
	return p
}

// send has a person send, and say the same again until it is through.
func (s *stage) send(x send, id int) *process {
	path := x.goods.write(s.w.path(fmt.Sprintf("goods-%d", id)))
	p := s.launch(s.w.people[x.from], "", "send", path, "--to", names[x.to], "--wait", "20s")
	p.sending = &x
	return p
}

// say has a person say lines.
func (s *stage) say(x talk) *process {
	p := s.launch(s.w.people[x.from], strings.Join(x.lines, "\n")+"\n", "chat", names[x.to], "--wait", "20s")
	p.talking = &x
	return p
}
