package cmd

import (
	"bytes"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/config"
	"p2ptool/p2p"
)

// The end of a link is reported after the end of its transfers, but waits for at most settling.
func TestLinkEndIsReportedLast(t *testing.T) {
	for name, c := range map[string]struct{ lasts, want time.Duration }{
		"a transfer ends": {time.Second, time.Second}, "a transfer hangs": {time.Hour, settling},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, notes bytes.Buffer
				p := &program{out: &printer{out: &out, err: &notes, json: true, now: time.Now}}
				r := &reporter{p: p, cfg: config.Default()}
				link := new(p2p.Link)
				r.onEvent(p2p.Connected{Link: link})
				end := p.activities.begin(link)
				again := p.activities.begin(link) // two at a time
				go func() {
					time.Sleep(c.lasts)
					again()
					p.out.event(doneEvent{})
					end()
					end() // twice is fine
				}()
				began := time.Now()
				r.onEvent(p2p.Disconnected{Link: link})
				if d := time.Since(began); d != c.want {
					t.Errorf("reported after %v", d)
				}
				if ordered := regexp.MustCompile(`(?s)connected.*done.*disconnected`).Match(out.Bytes()); ordered != (c.lasts == c.want) {
					t.Errorf("wrong order:\n%s", &out)
				}
				p.activities.settle(link, time.Hour) // returns when the hanging transfer ends
			})
		})
	}
}

// Several links with one peer are reported as one, with the path of the oldest.
func TestLinksOfOnePeerAreReportedAsOne(t *testing.T) {
	var out, notes bytes.Buffer
	p := &program{out: &printer{out: &out, err: &notes, json: true, now: time.Now}}
	r := &reporter{p: p, cfg: config.Default()}
	chat, ping := new(p2p.Link), new(p2p.Link)
	direct := p2p.Path{Kind: p2p.PathDirect}
	r.onEvent(p2p.Connected{Link: chat, Path: direct})
	r.onEvent(p2p.Connected{Link: ping, Path: direct})
	r.onEvent(p2p.PathChanged{Link: ping, Path: p2p.Path{Kind: p2p.PathRelay}})
	r.onEvent(p2p.Disconnected{Link: ping})
	r.onEvent(p2p.PathChanged{Link: chat, Path: p2p.Path{Kind: p2p.PathLAN}})
	r.onEvent(p2p.Disconnected{Link: chat})
	var events []string
	for _, m := range regexp.MustCompile(`"event":"(\w+)"`).FindAllStringSubmatch(out.String(), -1) {
		events = append(events, m[1])
	}
	if got := len(events); got != 3 || events[0] != "connected" || events[1] != "path" || events[2] != "disconnected" {
		t.Errorf("%q", events)
	}
}

// A stranger that connects over and over does not fill a log, and the end of a connection is reported only if its
// beginning was.
func TestConnectionsOfStrangersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, notes bytes.Buffer
		p := &program{out: &printer{out: &out, err: &notes, json: true, now: time.Now}}
		r := &reporter{p: p, cfg: config.Default()}
		again := func(n int) {
			for range n {
				link := new(p2p.Link)
				r.onEvent(p2p.Connected{Link: link})
				r.onEvent(p2p.PathChanged{Link: link})
				r.onEvent(p2p.Disconnected{Link: link})
			}
		}
		count := func(event string) int { return bytes.Count(out.Bytes(), []byte(`"event":"`+event+`"`)) }
		again(1000)
		if c, d := count("connected"), count("disconnected"); c != connectionRate.Burst || d != c {
			t.Errorf("%d were reported as connected and %d as disconnected, want %d", c, d, connectionRate.Burst)
		}
		time.Sleep(2 * time.Second)
		again(1)
		if c := count("connected"); c != connectionRate.Burst+1 {
			t.Errorf("%d were reported, want one more after a while", c)
		}
		if !bytes.Contains(notes.Bytes(), []byte("940 more connections of unknown peers were not shown")) {
			t.Errorf("no word about the others:\n%s", &notes)
		}
		r.cfg.Contacts = map[string]config.Contact{"bob": {}}
		before := count("connected")
		again(500)
		if c := count("connected") - before; c != 500 {
			t.Errorf("%d connections of a contact were reported, want 500", c)
		}
	})
}
