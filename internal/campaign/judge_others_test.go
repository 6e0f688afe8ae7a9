package campaign

import (
	"slices"
	"time"
)

// endings judges how commands end.
func (j *judge) endings() {
	documented := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130}
	for _, p := range j.w.processes {
		if p.killed {
			continue
		}
		errs := of(j.said[p], "error")
		switch {
		case p.late:
			j.fault("endings: %s was not over in time", p.name)
		case !slices.Contains(documented, p.status) || p.status == 2:
			j.fault("endings: %s ended with %d", p.name, p.status)
		case p.status != 0 && len(errs) == 0 && j.w.isErrand(p):
			j.fault("endings: %s ended with %d and no reason", p.name, p.status)
		case p.probing && p.status != 0:
			j.fault("endings: the probe %s ended with %d: %v", p.name, p.status, reasons(errs))
		case !j.w.plan.faulty() && j.w.isErrand(p) && !p.interrupted && p.status != j.expected(p):
			j.fault("endings: nothing is wrong, and %s ended with %d, not %d: %v", p.name, p.status, j.expected(p), reasons(errs))
		}
	}
}

func reasons(errs []entry) (all []string) {
	for _, e := range errs {
		all = append(all, e.Message)
	}
	return all
}

// expected is the status of a command where nothing is wrong.
func (j *judge) expected(p *process) int {
	to := -1
	switch {
	case p.sending != nil:
		to = p.sending.to
	case p.talking != nil:
		to = p.talking.to
	}
	if to < 0 {
		return p.status
	}
	if j.w.people[to].plan.resident != runs || p.talking != nil && j.answers(to, p.talking.from) {
		return p.status // it depends on what else that person does
	}
	return 0
}

// answers reports whether a person chats with another one by a command as well: who leaves that may
// end the conversation.
func (j *judge) answers(who, with int) bool {
	return slices.ContainsFunc(j.w.processes, func(p *process) bool {
		return p.talking != nil && p.talking.from == who && p.talking.to == with && !p.probing
	})
}

// Budgets of those who take no part: see docs/limits.md.
const (
	// A host that only peers name gets so many packets of a process, and one more every so often.
	namedBudget = 16
	namedEvery  = 10 * time.Second
	// heirBudget is for what was on its way to an address when another host got it, and for
	// what asks there whether the peer still is, for each process.
	heirBudget = 200
)

// strangers judges what third parties get.
func (j *judge) strangers() {
	for _, s := range j.w.strangers {
		budget := int64(heirBudget * len(j.w.processes))
		if !s.heir && !j.wentTo(s.home) {
			budget = j.budgetIn(s.home) * int64(s.addresses)
		}
		if got := s.host.Received(); got.Datagrams > budget {
			j.fault("strangers: %s got %d datagrams, %d bytes, of %d", s.name, got.Datagrams, got.Bytes, budget)
		}
	}
}

// wentTo reports whether somebody went to a home and may have had a link by an address that is
// another host's there.
func (j *judge) wentTo(home int) bool {
	return slices.ContainsFunc(j.w.plan.events, func(e event) bool {
		t, ok := e.do.(trip)
		return ok && j.w.comes(t.who, home)
	})
}

// budgetIn is what the processes of those who are in a home at any time may send to a host there.
func (j *judge) budgetIn(home int) (n int64) {
	for _, p := range j.w.processes {
		if p.who != nil && j.w.comes(p.who.index, home) {
			n += namedBudget + int64((p.ended-p.began)/namedEvery) + 1
		}
	}
	return n
}

// Bounds of a process, which are generous: a leak goes beyond any.
const (
	goroutinesEach  = 350 // 256 sockets of a birthday probing among them
	descriptorsEach = 60
	heapEach        = 24 << 20
	heapAtAll       = 96 << 20
)

// bounds judges what all processes together use.
func (j *judge) bounds() {
	k := j.w.peak
	if most := 50 + k.processes*goroutinesEach; k.goroutines > most {
		j.fault("bounds: %d goroutines of %d processes", k.goroutines, k.processes)
	}
	if most := 20 + k.processes*descriptorsEach; k.descriptors > most {
		j.fault("bounds: %d descriptors of %d processes", k.descriptors, k.processes)
	}
	if most := heapAtAll + uint64(k.processes)*heapEach; k.heap > most {
		j.fault("bounds: %d MiB of %d processes", k.heap>>20, k.processes)
	}
}
