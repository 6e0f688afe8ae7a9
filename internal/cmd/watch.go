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

// A watch reports one transfer: as a progress bar on a terminal, a line at the end of each phase,
// and events. The transfer package calls onEvent, one call at a time.
type watch struct {
	p       *program
	verb    string // sendingTo or receivingFrom
	peer    string // the other side's name
	dir     string // the folder of received files; empty: none
	link    *p2p.Link
	asked   *time.Timer // reports that the other side has yet to accept
	stall   stall
	bytes   int64              // transferred so far
	bar     *terminal.Progress // nil: not yet, or another one has the screen
	release func()
	quiet   bool // the caller reports the end

	begun  time.Time // start of the interval that the rate is measured over
	before int64     // bytes transferred before it
	whole  bool      // an earlier interval was complete
	rate   float64   // bytes per second
}

const (
	sendingTo     = "sending to"
	receivingFrom = "receiving from"
)

// askedAfter is how long the other side may take to accept before the watch reports that it
// waits: a user may be asked there.
const askedAfter = time.Second

// rateInterval is the time that a rate is measured over.
const rateInterval = time.Second

func (p *program) watch(verb, peer string, link *p2p.Link) *watch {
	return &watch{p: p, verb: verb, peer: peer, link: link, stall: stall{p: p, link: link, peer: peer}}
}

// draw shows the progress bar, unless something else draws. It waits until the offer is accepted,
// so as not to overwrite the question.
func (w *watch) draw() {
	bar := terminal.NewProgress(w.p.env.Stderr)
	release, ok := w.p.out.draw(bar, terminal.IsTerminal(w.p.env.Stdout))
	if !ok {
		bar.Finish("")
		return
	}
	w.bar, w.release = bar, release
}

// onEvent reports an event of the transfer.
func (w *watch) onEvent(e transfer.Event) {
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

// answered stops waiting for the other side's decision.
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

// measure sets the rate to that of the last full interval or, before there is one, of the current
// one. Resumed bytes do not count.
func (w *watch) measure(e transfer.Progress, now time.Time) {
	moved := max(0, e.Bytes-e.Resumed)
	d := now.Sub(w.begun)
	if w.begun.IsZero() || d <= 0 || !w.whole && d < rateInterval/100 {
		return
	}
	if full := d >= rateInterval; full || !w.whole {
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
		return // saves the work below for each of many small files
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

// root returns the absolute path of the folder of received files, or "".
func (w *watch) root() string {
	if w.dir == "" {
		return ""
	}
	return absolute(w.dir)
}

// bytesOf returns the bytes of a name that is not UTF-8, else nil.
func bytesOf(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

// within returns a received file's path for a message.
func (w *watch) within(path string) string {
	if w.dir == "" || w.dir == "." {
		return shownName(path)
	}
	return filepath.Join(w.dir, shownName(path))
}

func shownName(name string) string { return terminal.VisibleName(name, maxShownName) }

// maxShownName is the largest width of a peer's file name, in columns.
const maxShownName = 60

// end removes the bar and reports the result.
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

// summary returns the line at the end of a transfer.
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

// count returns a number with its noun.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
