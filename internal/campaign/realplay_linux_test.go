package campaign

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// play has the people do things, has faults happen meanwhile, and then has what failed
// tried again, until all is through.
func (s *stage) play() {
	s.startServer()
	for _, a := range s.w.people {
		s.await(s.resident(a), "registered")
	}
	type errand struct {
		x  send
		id int
		p  *process
	}
	var errands []*errand
	for id := range 1 + s.d.IntN(3) {
		from := s.d.IntN(2)
		x := send{from: from, to: 1 - from, goods: drawGoods(s.d, 4<<20)}
		errands = append(errands, &errand{x, id, s.send(x, id)})
		if s.d.chance(.5) {
			s.say((&schedule{people: s.w.plan.people}).drawTalk(s.d, 1-from, from).fromPipe())
		}
	}
	for range 1 + s.d.IntN(4) {
		time.Sleep(s.d.scaleSpan(20*time.Millisecond, 1500*time.Millisecond))
		s.fault(errands[s.d.IntN(len(errands))].p)
	}
	s.heal()
	for _, e := range errands {
		for try := 0; ; try++ {
			s.wait(e.p)
			if e.p.status == 0 && !e.p.killed || try == 4 {
				break
			}
			e.p = s.send(e.x, e.id)
		}
		if e.p.status != 0 {
			e.p.late = true
		}
	}
	s.finish()
}

// fromPipe is the same talk without pauses.
func (t talk) fromPipe() talk {
	t.pauses, t.linger = nil, 0
	return t
}

func (s *stage) startServer() {
	s.w.server = s.launch(nil, "", "serve")
	s.await(s.w.server, "listening")
}

// await waits until a process has printed an event, or has ended, for 10 s at most.
func (s *stage) await(p *process, event string) {
	want := []byte(`"event":"` + event + `"`)
	for until := time.Now().Add(10 * time.Second); p != nil && !p.over() && time.Now().Before(until); {
		out, err := os.ReadFile(filepath.Join(p.files, "out"))
		must(err)
		if bytes.Contains(out, want) {
			return
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
}

// fault has one thing go wrong; sender may be any command that sends.
func (s *stage) fault(sender *process) {
	who := s.d.IntN(2)
	a := s.w.people[who]
	resident := a.residents[len(a.residents)-1]
	lasts := s.d.scaleSpan(50*time.Millisecond, 3*time.Second)
	kind := pick(s.d, "kill", "kill sender", "stop", "server", "cut", "flush", "readdress", "power", "power", "full")
	s.note("%s, %s's, for %v", kind, a.plan.name, lasts)
	switch kind {
	case "kill":
		s.kill(resident)
		s.resident(a)
	case "kill sender":
		s.kill(sender)
	case "stop":
		s.signal(resident, syscall.SIGSTOP)
		time.Sleep(lasts)
		s.signal(resident, syscall.SIGCONT)
	case "server":
		s.kill(s.w.server)
		time.Sleep(lasts)
		s.startServer()
	case "cut":
		s.routes[who].Cut()
		time.Sleep(lasts)
		s.routes[who].Heal()
	case "flush":
		s.routes[who].Flush()
	case "readdress":
		s.moves++
		s.routes[who].Readdress(fmt.Sprintf("198.51.100.%d", 10+s.moves))
	case "power":
		s.powerCut(a)
	case "full":
		s.fillDisk(a, lasts)
	}
}

// powerCut ends all of a person's processes, and takes what was not synced from the disk.
func (s *stage) powerCut(a *actor) {
	var ps []*process
	for _, p := range s.w.processes {
		if p.who == a && !p.over() {
			s.signal(p, syscall.SIGSTOP)
			ps = append(ps, p)
		}
	}
	s.disks[a.index].cut()
	for _, p := range ps {
		s.kill(p)
	}
	s.disks[a.index].restore()
	s.resident(a)
}

// fillDisk leaves no room on a person's disk for a while.
func (s *stage) fillDisk(a *actor, lasts time.Duration) {
	filler := filepath.Join(s.disks[a.index].dir, ".filler")
	f, err := os.Create(filler)
	must(err)
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
	f.Close()
	time.Sleep(lasts)
	must(os.Remove(filler))
	s.disks[a.index].do("sync", "-f", s.disks[a.index].dir)
}

// heal has the network carry again.
func (s *stage) heal() {
	for _, r := range s.routes {
		r.Heal()
	}
	if s.w.server.over() {
		s.startServer()
	}
	for _, a := range s.w.people {
		s.signal(a.residents[len(a.residents)-1], syscall.SIGCONT)
	}
	s.note("it is calm")
}

// wait waits for a command to end.
func (s *stage) wait(p *process) {
	select {
	case <-s.real[p].ended:
	case <-time.After(2 * time.Minute):
		s.note("%s takes too long", p.name)
		p.late = true
		s.signal(p, syscall.SIGQUIT)
		<-s.real[p].ended
	}
}

// finish ends all processes as a person does.
func (s *stage) finish() {
	for _, p := range s.w.processes {
		if p.talking != nil {
			s.wait(p)
		}
	}
	time.Sleep(200 * time.Millisecond)
	for _, p := range s.w.processes {
		if !p.over() {
			p.interrupted = true
			s.signal(p, syscall.SIGINT)
		}
	}
	for _, p := range s.w.processes {
		s.wait(p)
	}
}

// again returns the digests of what was sent again after its sender was killed: the receiver may not
// have noticed that yet, and takes the second for another transfer.
func (s *stage) again() map[string]bool {
	again := map[string]bool{}
	for _, p := range s.w.processes {
		if p.sending != nil && p.killed {
			for sum := range p.contents() {
				again[sum] = true
			}
		}
	}
	return again
}

// judge judges what only a stage can.
func (s *stage) judge(j *judge) {
	for _, p := range s.w.processes {
		if p.late {
			text, _ := os.ReadFile(filepath.Join(p.files, "err"))
			j.fault("endings: %s was not through: %d\n%.3000s", p.name, p.status, text)
		}
	}
}
