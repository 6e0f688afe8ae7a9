package campaign

import (
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"time"
)

const (
	// settling is for how long after all faults the world is left alone before the probes:
	// in that time everybody is to be registered again.
	settling = 60 * time.Second
	// patience is how long after all faults a command may still take.
	patience = 4 * time.Minute
	// probing is how long a probe may take.
	probing = 60 * time.Second
)

// calmDown ends all faults: what was to be undone later is undone now, and what has not
// happened yet will not.
func (w *world) calmDown() {
	w.until(eventful + 2*time.Second) // a server that was just stopped has ended
	for len(w.pending) > 0 {
		i := w.next(1 << 62)
		e := w.pending[i]
		w.pending = append(w.pending[:i], w.pending[i+1:]...)
		if undo, ok := e.do.(later); ok {
			undo()
		}
	}
	w.startServer()
	w.calm = w.now()
	w.log.note("it is calm")
}

// settle waits for the commands to end.
func (w *world) settle() {
	w.sleepUntil(w.calm + settling)
	w.await(w.calm+patience, w.errands()...)
}

// errands are the processes that end by themselves.
func (w *world) errands() (ps []*process) {
	for _, p := range w.processes {
		if w.isErrand(p) {
			ps = append(ps, p)
		}
	}
	return ps
}

func (w *world) isErrand(p *process) bool {
	return p.who != nil && !slices.Contains(p.who.residents, p)
}

// await waits until processes are over, but not longer than until a time; then it
// interrupts them.
func (w *world) await(until time.Duration, ps ...*process) {
	for _, p := range ps {
		for !p.over() && w.now() < until {
			w.sleepUntil(w.now() + 250*time.Millisecond)
		}
	}
	for _, p := range ps {
		if !p.over() {
			w.log.note("%s takes too long", p.name)
			p.late = true
			p.interrupt()
		}
	}
}

// probe has each person send a file and say a line to the next.
func (w *world) probe() {
	var probes []*process
	for from := range w.people {
		to := (from + 1) % len(w.people)
		if !w.reachable(from, to) {
			continue
		}
		w.sleepUntil(w.now() + 137*time.Millisecond) // what begins at once may go in any order
		id := 1000 + 10*from
		s := send{from: from, to: to, goods: goods{files: []file{{"probe.bin", 20_000, w.plan.seed<<16 + uint64(id)}}}}
		s.happen(w, id)
		probes = append(probes, w.command(id))
		if w.people[to].plan.resident == runs {
			talk{from: from, to: to, lines: []string{fmt.Sprintf("%08x probe of %s", w.plan.seed, names[from])}}.happen(w, id+1)
			probes = append(probes, w.command(id+1))
		}
	}
	for _, p := range probes {
		p.probing = true
	}
	w.await(w.now()+probing, probes...)
}

// reachable reports whether a person is there for another one when nothing is wrong: who
// chats with a third one is not.
func (w *world) reachable(from, to int) bool {
	switch w.people[to].plan.resident {
	case absent:
		return false
	case chats:
		return (to+1)%len(w.people) == from
	}
	return true
}

// finish ends the residents, and the server last.
func (w *world) finish() {
	w.sleepUntil(w.now() + 5*time.Second)
	w.closing = true
	w.end(w.everybody(func(p *process) bool { return p.who != nil }))
	w.end(w.everybody(func(*process) bool { return true }))
}

func (w *world) everybody(who func(*process) bool) (ps []*process) {
	for _, p := range w.processes {
		if !p.over() && who(p) {
			ps = append(ps, p)
		}
	}
	return ps
}

// end interrupts processes, and ends the test binary if they do not end: a bubble with
// goroutines in it cannot be left.
func (w *world) end(ps []*process) {
	for _, p := range ps {
		p.gate.resume()
		p.interrupt()
	}
	limit := w.now() + time.Minute
	for _, p := range ps {
		for !p.over() {
			if w.now() > limit {
				fmt.Printf("seed %d: %s does not end\n%v", w.plan.seed, p.name, w.plan)
				pprof.Lookup("goroutine").WriteTo(os.Stdout, 2)
				w.unmount()
				os.Exit(1)
			}
			w.sleepUntil(w.now() + 100*time.Millisecond)
		}
	}
}
