package cmd

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

// A watch says how one transfer goes: by a bar on a terminal, by lines where a
// phase ends, and by events. The transfer package calls tell, one call at a time.
type watch struct {
	p       *program
	verb    string // sendingTo or receivingFrom
	peer    string // the other side's name
	dir     string // to which is received, where it is a folder
	link    *p2p.Link
	asked   *time.Timer // says that the other side is being asked
	stall   stall
	bytes   int64              // moved so far
	bar     *terminal.Progress // nil: not yet, or another one has the screen
	release func()
	quiet   bool // somebody else says how it ended

	begun  time.Time // of the part that the rate is taken of
	before int64     // bytes moved until then
	whole  bool      // a part before it was a full one
	rate   float64   // bytes a second
}

const (
	sendingTo     = "sending to"
	receivingFrom = "receiving from"
)

// askedAfter is how long the other side may take to accept until it is said that it is waited
// for: a person may be asked there.
const askedAfter = time.Second

// ratePart is how much of a transfer its rate is taken of.
const ratePart = time.Second

func (p *program) watch(verb, peer string, link *p2p.Link) *watch {
	return &watch{p: p, verb: verb, peer: peer, link: link, stall: stall{p: p, link: link, peer: peer}}
}

// draw begins to draw, if nothing else does. It is not before the offer is accepted,
// so as not to draw over the question.
func (w *watch) draw() {
	bar := terminal.NewProgress(w.p.env.Stderr)
	release, ok := w.p.out.draw(bar, terminal.IsTerminal(w.p.env.Stdout))
	if !ok {
		bar.Finish("")
		return
	}
	w.bar, w.release = bar, release
}

// tell is the OnEvent of a transfer.
func (w *watch) tell(e transfer.Event) {
	switch e := e.(type) {
	case transfer.Offer:
		if w.verb == sendingTo {
			w.stall.begin(hex.EncodeToString(e.ID[:]), true)
			w.asked = time.AfterFunc(askedAfter, func() { w.p.out.note("waiting for %s to accept", w.peer) })
		}
	case transfer.Accepted:
		w.stall.begin(hex.EncodeToString(e.ID[:]), false)
		w.answered()
		w.begun = time.Now()
		w.draw()
	case transfer.Progress:
		w.progress(e, time.Now())
	case transfer.File:
		w.stall.moved()
		w.file(e)
	}
}

// answered is told when the other side has decided, or will not.
func (w *watch) answered() {
	if w.asked != nil {
		w.asked.Stop()
	}
}

func (w *watch) progress(e transfer.Progress, now time.Time) {
	w.measure(e, now)
	if e.Bytes != w.bytes {
		w.bytes = e.Bytes
		w.stall.moved()
	}
	path := w.link.Path()
	if w.bar != nil {
		w.bar.Update(e.Bytes, e.Total, fmt.Sprintf("%s %s, %s", w.verb[strings.Index(w.verb, " ")+1:], w.peer, path.Kind), e.Path)
	}
	w.p.out.event(progressEvent{w.p.who(w.link.Peer()), hex.EncodeToString(e.ID[:]), e.Bytes, e.Total, int64(w.rate), path.Kind.String()})
}

// measure takes the rate of the last full part, and of what there is before there is one. What
// was there from before counts for nothing.
func (w *watch) measure(e transfer.Progress, now time.Time) {
	moved := max(0, e.Bytes-e.Resumed)
	d := now.Sub(w.begun)
	if w.begun.IsZero() || d <= 0 || !w.whole && d < ratePart/100 {
		return
	}
	if full := d >= ratePart; full || !w.whole {
		w.rate = float64(max(0, moved-w.before)) / d.Seconds()
		if full {
			w.begun, w.before, w.whole = now, moved, true
		}
	}
}

func (w *watch) file(e transfer.File) {
	switch {
	case e.Status == transfer.StatusFailed || e.Status == transfer.StatusSkipped:
		w.p.out.note("%s %q: %s", e.Status, shownName(e.Path), terminal.Visible(e.Reason))
	case e.Renamed != "":
		w.p.out.note("%q is saved as %q", shownName(e.Renamed), w.within(e.Path))
	}
	if !w.p.out.json {
		return // of many files each little thing tells
	}
	event := fileEvent{
		who:      w.p.who(w.link.Peer()),
		Dir:      w.root(),
		Transfer: hex.EncodeToString(e.ID[:]),
		Path:     e.Path,
		Bytes:    e.Bytes,
		Status:   string(e.Status),
		Reason:   e.Reason,
		Renamed:  e.Renamed,

		PathBytes:    bytesOf(e.Path),
		RenamedBytes: bytesOf(e.Renamed),
	}
	if e.Status == transfer.StatusSent || e.Status == transfer.StatusReceived {
		event.BLAKE3 = hex.EncodeToString(e.BLAKE3[:])
	}
	w.p.out.event(event)
}

// root is where the paths of received files begin, or empty.
func (w *watch) root() string {
	if w.dir == "" {
		return ""
	}
	return absolute(w.dir)
}

// bytesOf returns the bytes of a name that is not UTF-8; nil of any other.
func bytesOf(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

// within is where a received file is.
func (w *watch) within(path string) string {
	if w.dir == "" || w.dir == "." {
		return shownName(path)
	}
	return filepath.Join(w.dir, shownName(path))
}

func shownName(name string) string { return terminal.VisibleName(name, maxShownName) }

// maxShownName is the most columns that a name of the peer's takes.
const maxShownName = 60

// end takes the bar away and says what became of the transfer.
func (w *watch) end(res transfer.Result, err error) {
	w.answered()
	w.stall.end()
	if w.bar != nil {
		w.release()
		w.bar.Finish("")
	}
	if err != nil && !errors.Is(err, transfer.ErrPartial) {
		return
	}
	if !w.quiet {
		w.p.out.note("%s", w.summary(res))
	}
	w.p.out.event(doneEvent{
		who:      w.p.who(w.link.Peer()),
		Dir:      w.root(),
		Transfer: hex.EncodeToString(res.ID[:]),
		Files:    res.Files,
		Failed:   res.Failed,
		Bytes:    res.Bytes,
		Seconds:  res.Duration.Seconds(),
		Resumed:  res.ResumedBytes,
	})
}

// summary is the line that a transfer ends with.
func (w *watch) summary(res transfer.Result) string {
	word := map[string]string{sendingTo: "sent to", receivingFrom: "received from"}[w.verb]
	s := fmt.Sprintf("%s %s: %s, %s in %s", word, w.peer, count(res.Files, "file"),
		terminal.Bytes(res.Bytes), terminal.Duration(res.Duration))
	if moved := res.Bytes - res.ResumedBytes; moved > 0 && res.Duration > 0 {
		s += fmt.Sprintf(", %s", terminal.Rate(float64(moved)/res.Duration.Seconds()))
	}
	s += ", " + w.link.Path().Kind.String()
	if res.ResumedBytes > 0 {
		s += fmt.Sprintf(", %s resumed", terminal.Bytes(res.ResumedBytes))
	}
	if res.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", res.Skipped)
	}
	if res.Failed > 0 {
		s += fmt.Sprintf(", %d failed", res.Failed)
	}
	if w.dir != "" && res.Files > 0 {
		s += fmt.Sprintf(", in %q", w.dir)
	}
	return s
}

// count writes a number of things.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
