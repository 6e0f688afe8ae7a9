package campaign

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
)

const (
	serverIP   = "203.0.113.1"
	serverAddr = serverIP + ":3478"
)

// A world is where a schedule takes place. One goroutine, that of run, has all
// deeds happen, those of after included.
type world struct {
	plan    *schedule
	began   time.Time
	dir     string // all files of the run
	net     *netsim.Net
	streams netsim.Streams
	homes   []*household
	people  []*actor

	serverKey     identity.SecretKey
	serverMachine *machine
	server        *process

	mu        sync.Mutex // of register
	processes []*process // in the order of their start
	commands  map[int]*process
	pending   []event // of after
	closing   bool    // residents that end stay so
	strangers []*stranger
	addresses int // that were given to NATs
	calm      time.Duration
	log       diary
	peak      peaks
	watching  sync.WaitGroup
}

// run has the schedule take place in dir, and returns what went wrong. It is
// called in a bubble.
func run(plan *schedule, dir string, trace bool) *world {
	w := &world{plan: plan, began: time.Now(), dir: dir, net: netsim.New(plan.seed), commands: map[int]*process{}}
	w.log.init(w.began, trace)
	w.net.Watch(w.log.packet)
	w.build()
	stop := make(chan struct{})
	w.watching.Go(func() { w.watch(stop) })
	w.startServer()
	for _, p := range w.people {
		p.startResident(w)
		if p.plan.twice {
			w.after(3*time.Second, func() { p.startResident(w) })
		}
	}
	w.pending = append(w.pending, plan.events...)
	w.until(eventful)
	w.calmDown()
	w.settle()
	w.probe()
	w.finish()
	close(stop)
	w.watching.Wait()
	w.net.Close()
	w.log.note("%d packets, in all %x", w.log.packets, w.log.digest.Sum64())
	w.tellAll()
	return w
}

// tellAll prints, in a trace, the events of all processes but those of progress.
func (w *world) tellAll() {
	for _, p := range w.processes {
		for _, e := range p.entries() {
			if w.log.trace && e.Event != "progress" {
				fmt.Printf("%s %9.3f %+v\n", p.name, e.Time.Sub(w.began).Seconds(), e)
			}
		}
	}
}

// now is the time since the run began.
func (w *world) now() time.Duration { return time.Since(w.began) }

// A later is a deed that another one has left for later.
type later func()

func (l later) happen(*world, int) { l() }
func (later) String() string       { return "" }

// after has f called by run's goroutine.
func (w *world) after(d time.Duration, f func()) {
	w.pending = append(w.pending, event{-1, w.now() + d, later(f)})
}

// until has all happen that is due before a time, and returns then.
func (w *world) until(end time.Duration) {
	for {
		next := w.next(end)
		if next < 0 {
			break
		}
		e := w.pending[next]
		w.pending = append(w.pending[:next], w.pending[next+1:]...)
		w.sleepUntil(e.at)
		if text := e.do.String(); text != "" {
			w.log.note("#%d %s", e.id, text)
		}
		e.do.happen(w, e.id)
	}
	w.sleepUntil(end)
}

// next finds the earliest pending event before a time.
func (w *world) next(end time.Duration) int {
	next := -1
	for i, e := range w.pending {
		if e.at <= end && (next < 0 || e.at < w.pending[next].at) {
			next = i
		}
	}
	return next
}

// sleepUntil waits until everybody else has nothing to do at that time. Meanwhile
// residents that end by themselves are started again, as by a service manager.
func (w *world) sleepUntil(at time.Duration) {
	for w.now() < at {
		time.Sleep(min(at-w.now(), time.Second))
		synctest.Wait()
		for _, p := range w.people {
			p.supervise(w)
		}
	}
}

// path is where a file of the run is.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// write makes a file.
func (w *world) write(name, text string) string {
	path := w.path(name)
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// build makes the network and all machines.
func (w *world) build() {
	w.serverKey = newKey()
	w.serverMachine = &machine{host: w.net.Host(serverIP), streams: &w.streams, plug: newPlug()}
	w.serverMachine.host.Link(netsim.Link{Delay: w.plan.server})
	for i, h := range w.plan.homes {
		w.homes = append(w.homes, w.newHousehold(i, h))
	}
	for i, p := range w.plan.people {
		w.people = append(w.people, w.newActor(i, p))
	}
	for i, p := range w.people {
		w.write(filepath.Join(p.plan.name, "p2ptool.toml"), w.config(i))
	}
	w.write("server/p2ptool.toml", fmt.Sprintf("mode = \"server\"\nsecret_key = %q\n[server.tls]\nenabled = %v\n", w.serverKey.Reveal(), w.plan.tls))
}

// startServer starts the server, if it does not run.
func (w *world) startServer() {
	if w.server != nil && !w.server.over() {
		return
	}
	w.server = w.launch(&process{name: "server", machine: w.serverMachine, words: []string{"serve", "--config", w.path("server/p2ptool.toml")}}, "")
}

// start has a person run a command.
func (w *world) start(who, id int, stdin string, words ...string) *process {
	p := w.people[who]
	c := &process{
		name:    fmt.Sprintf("%s %s #%d", p.plan.name, words[0], id),
		machine: p.machine, who: p,
		words: append(words, "--config", w.path(filepath.Join(p.plan.name, "p2ptool.toml"))),
	}
	if id >= 0 {
		w.commands[id] = c
	}
	return w.launch(c, stdin)
}

// command returns what an event started; nil if it did not happen.
func (w *world) command(id int) *process { return w.commands[id] }
