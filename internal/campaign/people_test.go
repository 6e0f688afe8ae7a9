package campaign

import "fmt"

// A resident is the command that a person has running from the beginning to the end.
type resident int

const (
	runs     resident = iota // run: takes chats and files
	receives                 // receive
	chats                    // chat with the next person, from a pipe that says nothing
	absent                   // nothing: the person only calls others
)

// A person is who acts in a run.
type person struct {
	name     string
	home     int // which of the schedule's homes
	resident resident
	conflict string // receive.conflict
	taken    int    // how many names are taken in the inbox beforehand
	twice    bool   // two processes of the resident, one after the other
}

func (p person) String() string {
	s := fmt.Sprintf("%s, conflict %s, %d names taken", [...]string{"run", "receive", "chat", "absent"}[p.resident], p.conflict, p.taken)
	if p.twice {
		s += ", two processes"
	}
	return s
}

var names = []string{"ann", "bob", "carol"}

func drawPerson(d dice, i int) person {
	p := person{
		name: names[i], home: i, taken: d.IntN(3),
		resident: weigh(d, share[resident]{65, runs}, share[resident]{15, receives}, share[resident]{15, chats}, share[resident]{5, absent}),
		conflict: weigh(d, share[string]{70, "rename"}, share[string]{15, "skip"}, share[string]{15, "overwrite"}),
	}
	p.twice = p.resident == runs && d.chance(.1)
	return p
}
