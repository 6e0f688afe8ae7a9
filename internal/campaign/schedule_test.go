package campaign

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A schedule is everything that a seed decides.
type schedule struct {
	seed   uint64
	tls    bool // the server takes peers by TLS as well
	server time.Duration
	homes  []home // of person i at i, and after those where each goes when away
	people []person
	events []event // by time
}

// eventful is how long things happen; then it is calm.
const eventful = 60 * time.Second

// An event is a deed at a time. Its id stays when others are left out.
type event struct {
	id int
	at time.Duration
	do deed
}

// A deed is something that a person does, or that happens to one.
type deed interface {
	// happen begins it and returns at once.
	happen(w *world, id int)
	String() string
}

// draw makes the schedule of a seed.
func draw(seed uint64) *schedule {
	d := newDice(seed)
	s := &schedule{seed: seed, tls: d.chance(.5), server: d.scaleSpan(time.Millisecond, 60*time.Millisecond)}
	people := weigh(d, share[int]{6, 2}, share[int]{4, 3})
	for i := range people {
		s.people = append(s.people, drawPerson(d, i))
	}
	for range 2 * people {
		s.homes = append(s.homes, drawHome(d, s.tls))
	}
	s.shareHomes(d)
	s.drawActions(d)
	s.drawFaults(d)
	s.drawMore(dice{rand.New(rand.NewPCG(seed, 0x30de))})
	slices.SortStableFunc(s.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return s
}

// drawMore draws what came to be drawn later than the rest, so that a seed goes on meaning what it did.
func (s *schedule) drawMore(d dice) {
	for i := range s.homes {
		s.homes[i].v6 = s.homes[i].place != noUDP && d.chance(.3)
	}
	s.drawBench(d)
	s.drawFull(d)
}

// shareHomes has the second person live where the first does, now and then.
func (s *schedule) shareHomes(d dice) {
	if d.chance(.15) && s.homes[0].place != public {
		s.people[1].home = 0
	}
}

// add puts an event into the schedule, and returns its id.
func (s *schedule) add(at time.Duration, do deed) int {
	id := len(s.events)
	s.events = append(s.events, event{id, at, do})
	return id
}

// without leaves events out.
func (s *schedule) without(ids []int) *schedule {
	less := *s
	less.events = slices.DeleteFunc(slices.Clone(s.events), func(e event) bool { return slices.Contains(ids, e.id) })
	return &less
}

// other draws somebody else.
func (s *schedule) other(d dice, than int) int {
	who := d.IntN(len(s.people) - 1)
	if who >= than {
		who++
	}
	return who
}

// faulty reports whether anything can disturb the people.
func (s *schedule) faulty() bool {
	return slices.ContainsFunc(s.events, func(e event) bool {
		_, action := e.do.(action)
		return !action
	})
}

func (s *schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server %v away, TLS %v\n", s.server, s.tls)
	for i, p := range s.people {
		fmt.Fprintf(&b, "%-6s %v; away %v; %v\n", p.name, s.homes[p.home], s.homes[len(s.people)+i], p)
	}
	for _, e := range s.events {
		fmt.Fprintf(&b, "%8.3fs  #%d %v\n", e.at.Seconds(), e.id, e.do)
	}
	return b.String()
}
