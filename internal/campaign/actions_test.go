package campaign

import (
	"fmt"
	"strings"
	"time"
)

// An action is what a person does by will; any other deed is a fault.
type action interface{ wanted() }

type byWill struct{}

func (byWill) wanted() {}

// A send is the send command.
type send struct {
	byWill
	from, to int
	goods    goods
	stdin    bool // the one file comes from stdin
	wait     time.Duration
	limit    int // bytes a second; 0: none
}

func (s send) String() string {
	how := ""
	if s.stdin {
		how = " from stdin"
	}
	if s.wait > 0 {
		how += fmt.Sprintf(", waits %v", s.wait)
	}
	if s.limit > 0 {
		how += fmt.Sprintf(", limit %d KB/s", s.limit/1000)
	}
	return fmt.Sprintf("%s sends %s %v%s", names[s.from], names[s.to], s.goods, how)
}

func (s send) happen(w *world, id int) {
	path := s.goods.write(w.path(fmt.Sprintf("goods-%d", id)))
	words := []string{"send", path, "--to", names[s.to]}
	stdin := ""
	if s.stdin {
		words[1], stdin = "-", s.goods.files[0].content()
		words = append(words, "--name", s.goods.files[0].path)
	}
	if s.wait > 0 {
		words = append(words, "--wait", s.wait.String())
	}
	if s.limit > 0 {
		words = append(words, "--limit", fmt.Sprintf("%dB/s", s.limit))
	}
	p := w.start(s.from, id, stdin, words...)
	p.sending = &s
}

// A talk is the chat command with its lines from a pipe or a script.
type talk struct {
	byWill
	from, to int
	lines    []string
	pauses   []time.Duration // before each line, in a script; nil: from a pipe
	wait     time.Duration
	linger   time.Duration
}

func (t talk) String() string {
	how := "at once"
	if t.pauses != nil {
		how = "with pauses"
	}
	return fmt.Sprintf("%s says %d lines to %s %s, lingers %v, waits %v", names[t.from], len(t.lines), names[t.to], how, t.linger, t.wait)
}

func (t talk) happen(w *world, id int) {
	words := []string{"chat", names[t.to]}
	if t.wait > 0 {
		words = append(words, "--wait", t.wait.String())
	}
	if t.linger > 0 {
		words = append(words, "--linger", t.linger.String())
	}
	stdin := strings.Join(t.lines, "\n") + "\n"
	if t.pauses != nil {
		words = append(words, "--script", w.write(fmt.Sprintf("script-%d.toml", id), t.script()))
		stdin = ""
	}
	p := w.start(t.from, id, stdin, words...)
	p.talking = &t
}

// script writes the lines as steps.
func (t talk) script() string {
	var b strings.Builder
	for i, line := range t.lines {
		fmt.Fprintf(&b, "[[script]]\nsleep = %q\n[[script]]\nsay = %q\ntimeout = \"5m\"\n", t.pauses[i], line)
	}
	return b.String()
}

// A ping is the ping command.
type ping struct {
	byWill
	from, to int
}

func (p ping) String() string { return fmt.Sprintf("%s pings %s", names[p.from], names[p.to]) }

func (p ping) happen(w *world, id int) { w.start(p.from, id, "", "ping", names[p.to], "-n", "3") }

// A doctor is the doctor command.
type doctor struct {
	byWill
	from, to int
}

func (x doctor) String() string {
	return fmt.Sprintf("%s asks why not direct to %s", names[x.from], names[x.to])
}

func (x doctor) happen(w *world, id int) { w.start(x.from, id, "", "doctor", names[x.to]) }

// A bench is the bench command.
type bench struct {
	byWill
	from, to int
}

func (b bench) String() string { return fmt.Sprintf("%s benches %s", names[b.from], names[b.to]) }

func (b bench) happen(w *world, id int) {
	w.start(b.from, id, "", "bench", names[b.to], "--duration", "200ms")
}

// diskPace makes the disks that bench measures read and write 10 MB/s.
func diskPace(bytes int) { time.Sleep(time.Duration(bytes) * 100 * time.Nanosecond) }

// A list is the peers command.
type list struct {
	byWill
	who int
}

func (l list) String() string { return names[l.who] + " lists who is online" }

func (l list) happen(w *world, id int) { w.start(l.who, id, "", "peers") }

// An interrupt is Ctrl-C at the command of another event.
type interrupt struct {
	byWill
	of int
}

func (i interrupt) String() string { return fmt.Sprintf("Ctrl-C at #%d", i.of) }

func (i interrupt) happen(w *world, _ int) {
	if p := w.command(i.of); p != nil && !p.over() {
		p.interrupted = true
		p.interrupt()
	}
}

// drawActions has people do things.
func (s *schedule) drawActions(d dice) {
	for range 2 + d.IntN(9) {
		at := d.span(2*time.Second, eventful)
		from := d.IntN(len(s.people))
		to := s.other(d, from)
		var do deed
		switch weigh(d, share[string]{50, "send"}, share[string]{38, "talk"}, share[string]{6, "ping"}, share[string]{4, "doctor"}, share[string]{4, "list"}) {
		case "send":
			do = s.drawSend(d, from, to)
		case "talk":
			do = s.drawTalk(d, from, to)
		case "ping":
			do = ping{from: from, to: to}
		case "doctor":
			do = doctor{from: from, to: to}
		case "list":
			do = list{who: from}
		}
		id := s.add(at, do)
		if d.chance(.12) {
			s.add(at+d.scaleSpan(50*time.Millisecond, 20*time.Second), interrupt{of: id})
		}
	}
}

// drawBench has a person measure now and then, where a link limits what that sends: virtual time
// stands still while there is something to send.
func (s *schedule) drawBench(d dice) {
	from := d.IntN(len(s.people))
	to := s.other(d, from)
	if d.chance(.15) && s.people[from].home != s.people[to].home && (s.limited(from) || s.limited(to)) {
		s.add(d.span(2*time.Second, eventful), bench{from: from, to: to})
	}
}

// limited reports whether a person's link has a rate, at home and away.
func (s *schedule) limited(who int) bool {
	return s.homes[s.people[who].home].link.Rate > 0 && s.homes[len(s.people)+who].link.Rate > 0
}

func (s *schedule) drawSend(d dice, from, to int) send {
	rate := slowest(s.homes[s.people[from].home], s.homes[s.people[to].home])
	x := send{from: from, to: to, goods: drawGoods(d, float64(min(rate*6, 1<<20)))}
	if x.stdin = x.goods.folder == "" && d.chance(.1); x.stdin {
		x.goods.files[0].path = pick(d, commonNames...)
	}
	if d.chance(.5) {
		x.wait = d.span(time.Second, 2*time.Minute)
	}
	if d.chance(.2) {
		x.limit = max(20_000, x.goods.size()/int(d.span(2, 20)))
	}
	return x
}

func (s *schedule) drawTalk(d dice, from, to int) talk {
	t := talk{from: from, to: to}
	tag := d.Uint32()
	long := d.chance(.15)
	for i := range 1 + int(d.scale(1, 60)) {
		size := int(d.scale(1, 100))
		if long {
			size = int(d.scale(100, 10_000))
		}
		t.lines = append(t.lines, fmt.Sprintf("%08x %d %s", tag, i, strings.Repeat("é", size/2)))
	}
	if d.chance(.4) {
		t.lines = t.lines[:min(len(t.lines), 12)]
		for range t.lines {
			t.pauses = append(t.pauses, d.scaleSpan(10*time.Millisecond, 8*time.Second))
		}
	}
	if d.chance(.5) {
		t.wait = d.span(time.Second, 2*time.Minute)
	}
	if d.chance(.3) {
		t.linger = d.span(time.Second, 20*time.Second)
	}
	return t
}
