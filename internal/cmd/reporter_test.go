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

// The end of a link is told of after that of what went on over it, and does not wait for
// ever.
func TestLinksEndLast(t *testing.T) {
	for name, c := range map[string]struct{ lasts, want time.Duration }{
		"a transfer ends": {time.Second, time.Second}, "a transfer hangs": {time.Hour, settling},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, notes bytes.Buffer
				p := &program{out: &printer{out: &out, err: &notes, json: true, now: time.Now}}
				r := &reporter{p: p, cfg: config.Default()}
				link := new(p2p.Link)
				r.tell(p2p.Connected{Link: link})
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
				r.tell(p2p.Disconnected{Link: link})
				if d := time.Since(began); d != c.want {
					t.Errorf("told after %v", d)
				}
				if ordered := regexp.MustCompile(`(?s)connected.*done.*disconnected`).Match(out.Bytes()); ordered != (c.lasts == c.want) {
					t.Errorf("in this order:\n%s", &out)
				}
				p.activities.settle(link, time.Hour) // nothing is left, or it is over in the end
			})
		})
	}
}

// Of several links with a peer the first and the last end are told of, and the path of the
// oldest.
func TestLinksOfOnePeerAreOne(t *testing.T) {
	var out, notes bytes.Buffer
	p := &program{out: &printer{out: &out, err: &notes, json: true, now: time.Now}}
	r := &reporter{p: p, cfg: config.Default()}
	chat, ping := new(p2p.Link), new(p2p.Link)
	direct := p2p.Path{Kind: p2p.PathDirect}
	r.tell(p2p.Connected{Link: chat, Path: direct})
	r.tell(p2p.Connected{Link: ping, Path: direct})
	r.tell(p2p.PathChanged{Link: ping, Path: p2p.Path{Kind: p2p.PathRelay}})
	r.tell(p2p.Disconnected{Link: ping})
	r.tell(p2p.PathChanged{Link: chat, Path: p2p.Path{Kind: p2p.PathLAN}})
	r.tell(p2p.Disconnected{Link: chat})
	var events []string
	for _, m := range regexp.MustCompile(`"event":"(\w+)"`).FindAllStringSubmatch(out.String(), -1) {
		events = append(events, m[1])
	}
	if got := len(events); got != 3 || events[0] != "connected" || events[1] != "path" || events[2] != "disconnected" {
		t.Errorf("%q", events)
	}
}
