package cmd

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	path := p2p.Path{Kind: p2p.PathDirect, Addr: netip.MustParseAddrPort("192.0.2.1:5"), RTT: 12345678}
	tests := []struct {
		event event
		want  string
	}{
		{connectedEvent{(&program{}).fieldsOf(bob, path)}, `"event":"connected","time":"2026-01-02T03:04:05.0000006Z","peer":"01000000-0000-8000-8000-000000000000","path":"direct","addr":"192.0.2.1:5","rtt_ms":12.345`},
		{messageEvent{who{"x", "ann"}, "a\x1b\n\"", 7}, `"event":"message","time":"2026-01-02T03:04:05.0000006Z","peer":"x","contact":"ann","text":"a\u001b\n\"","id":7`},
		{doneEvent{who{Peer: "x"}, "t", 1, 2, 3, 4.5, 6, ""}, `"event":"done","time":"2026-01-02T03:04:05.0000006Z","peer":"x","transfer":"t","files":1,"failed":2,"bytes":3,"seconds":4.5,"resumed_bytes":6`},
		{errorEvent{"usage", "m", ""}, `"event":"error","time":"2026-01-02T03:04:05.0000006Z","code":"usage","message":"m"`},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		p := &printer{out: &out, json: true, now: func() time.Time { return at }}
		p.event(tt.event)
		p.payload("not printed with --json")
		if got := out.String(); got != "{"+tt.want+"}\n" {
			t.Errorf("got  %swant {%s}", got, tt.want)
		}
	}
}

// lines is a screen that records the lines printed through it.
type lines []string

func (l *lines) Println(line string) { *l = append(*l, line) }

func TestPrinterUsesTheScreen(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	p := &printer{out: &out, err: &errs}
	var screen lines
	release, ok := p.draw(&screen, false)
	if _, twice := p.draw(&screen, false); !ok || twice {
		t.Fatal("the screen was not set, or set twice")
	}
	p.note("a %d", 1)
	p.payload("b")
	release()
	p.note("c")
	if len(screen) != 1 || screen[0] != "a 1" || out.String() != "b\n" || errs.String() != "c\n" {
		t.Errorf("screen %q, out %q, errors %q", screen, &out, &errs)
	}
}

// raw is a screen whose terminal is raw while it is open.
type raw struct {
	lines
	printer *printer
	out     *bytes.Buffer
}

func (r *raw) note(text string) { go r.printer.note("%s", text) }

func (r *raw) Restore() {}

func (r *raw) Close() error {
	r.note("late")
	r.Println("open still")
	r.out.WriteString("closed\n")
	return nil
}

// A line waits for the screen while the terminal's state changes.
func TestPrinterWaitsForTheScreen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		p := &printer{err: &errs}
		r := &raw{printer: p, out: &errs}
		release, err := p.openScreen(func() (terminalScreen, error) {
			r.note("early")
			return r, nil
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		release()
		synctest.Wait()
		if !slices.Equal(r.lines, lines{"early", "open still"}) || errs.String() != "closed\nlate\n" {
			t.Errorf("screen %q, errors %q", r.lines, &errs)
		}
		broken := errors.New("no terminal")
		if _, err := p.openScreen(func() (terminalScreen, error) { return nil, broken }, false); err != broken {
			t.Errorf("%v", err)
		}
		if p.note("after"); errs.String() != "closed\nlate\nafter\n" {
			t.Errorf("errors %q", &errs)
		}
	})
}

// docs/events.md lists all events and their fields, and no others.
func TestEventsAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string][]string)
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[3], -1) {
			name := strings.Trim(cells[1], " `")
			documented[name] = append(documented[name], m[1])
		}
	}
	for _, e := range []event{
		listeningEvent{}, registeredEvent{}, connectedEvent{}, pathEvent{}, disconnectedEvent{}, incompatibleEvent{}, messageEvent{}, deliveredEvent{},
		offerEvent{}, progressEvent{}, fileEvent{}, doneEvent{}, peerEvent{}, pingEvent{}, benchEvent{}, doctorEvent{}, stalledEvent{}, waitingEvent{},
		netcheckEvent{}, idEvent{}, contactEvent{}, checkedEvent{}, unfinishedEvent{}, versionEvent{}, errorEvent{},
	} {
		fields := reflect.VisibleFields(reflect.TypeOf(e))
		for _, f := range fields {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			want := "`" + name + "`"
			if options == "omitempty" {
				want = "*" + want + "*"
			}
			if !slices.Contains(documented[e.event()], name) || !strings.Contains(string(doc), want) {
				t.Errorf("%s: %s is not documented", e.event(), want)
			}
		}
		delete(documented, e.event())
	}
	for name := range documented {
		t.Errorf("docs/events.md has an unknown event %q", name)
	}
}
