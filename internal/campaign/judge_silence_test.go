package campaign

import (
	"slices"
	"time"
)

// maxSilence is how long a command with something to do may say nothing: stalled is due after 30 s, and
// what is said is looked for each second.
const maxSilence = 32 * time.Second

// silence checks that people learn how it goes. At any time, nothing that a command does stands
// still for long without stalled or waiting. Once it is calm, nothing stands still for long at all.
func (j *judge) silence() {
	for _, p := range j.w.processes {
		switch {
		case p.killed:
		case j.w.isErrand(p):
			j.errandSilence(p)
		case p.who != nil:
			j.residentSilence(p)
		}
	}
}

func (j *judge) errandSilence(p *process) {
	pause := time.Duration(0) // without a line to deliver
	if p.talking != nil && len(p.talking.pauses) > 0 {
		pause = slices.Max(p.talking.pauses)
	}
	for _, s := range silences(p, p.began, j.busyUntil(p)) {
		if j.reached(p) && s.to > j.w.calm && s.to-max(s.from, j.w.calm) > maxSilence {
			j.fault("silence: %s says nothing from %v to %v, when it is calm", p.name, max(s.from, j.w.calm), s.to)
		} else if s.to-s.from > maxSilence+pause && !j.explained(p, s.from) {
			j.fault("silence: %s says nothing from %v to %v", p.name, s.from, s.to)
		}
	}
}

// A silence is a time in which a process said nothing.
type silence struct{ from, to time.Duration }

// silences returns the long ones between two times.
func silences(p *process, from, to time.Duration) (long []silence) {
	last := from
	for _, sign := range append(slices.Clone(p.signs), to) {
		if sign = min(sign, to); sign-last > maxSilence {
			long = append(long, silence{last, sign})
		}
		last = max(last, sign)
	}
	return long
}

// explained reports whether the last event of a process about its peer before a time explains why
// nothing moves: waiting, or stalled lines, which are reported once until one is delivered.
func (j *judge) explained(p *process, before time.Duration) bool {
	peer := ""
	switch {
	case p.sending != nil:
		peer = j.w.guid(p.sending.to)
	case p.talking != nil:
		peer = j.w.guid(p.talking.to)
	}
	yes := false
	for _, e := range j.said[p] {
		if j.at(e) > before+time.Second { // signs are seen late
			break
		}
		if e.Peer != peer {
			continue
		}
		switch e.Event {
		case "waiting":
			yes = true
		case "stalled":
			yes = yes || p.talking != nil
		case "connected": // for a chat perhaps with a process that accepts none
			yes = yes && p.talking != nil
		case "delivered":
			yes = false
		}
	}
	return yes
}

// residentSilence checks the transfers that a resident receives.
func (j *judge) residentSilence(p *process) {
	for _, s := range silences(p, p.began, p.ended) {
		if id := j.receiving(p, s.from); id != "" && !p.stoppedIn(s) {
			j.fault("silence: %s says nothing of transfer %s from %v to %v", p.name, id, s.from, s.to)
		}
	}
}

// receiving returns the ID of a transfer that a process is receiving at a time; "" if there is none.
func (j *judge) receiving(p *process, at time.Duration) string {
	open := map[string]string{} // by peer
	for _, e := range j.said[p] {
		if j.at(e) > at+time.Second {
			break
		}
		switch e.Event {
		case "progress":
			open[e.Peer] = e.Transfer
		case "done", "disconnected":
			delete(open, e.Peer)
		case "error":
			clear(open) // of one of them
		}
	}
	for _, id := range open {
		return id
	}
	return ""
}

// reached reports whether somebody is there for a command.
func (j *judge) reached(p *process) bool {
	switch {
	case p.sending != nil:
		return j.w.reachable(p.sending.from, p.sending.to)
	case p.talking != nil:
		return j.w.reachable(p.talking.from, p.talking.to) && j.w.people[p.talking.to].plan.resident != receives
	}
	return true
}

// busyUntil is until when a process had something to do.
func (j *judge) busyUntil(p *process) time.Duration {
	if p.talking == nil {
		return p.ended
	}
	delivered := of(j.said[p], "delivered")
	if len(delivered) < len(p.talking.lines) || len(delivered) == 0 {
		return p.ended
	}
	return j.at(delivered[len(delivered)-1])
}
