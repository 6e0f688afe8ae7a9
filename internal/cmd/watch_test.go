package cmd

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p"
	"p2ptool/transfer"
)

// There is a rate from the first moment on, which does not count resumed bytes.
func TestRate(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	w := &watch{begun: begun}
	for _, c := range []struct {
		after          time.Duration
		bytes, resumed int64
		want           float64
	}{
		{0, 500, 500, 0},
		{time.Millisecond, 600, 500, 0}, // too early to tell
		{500 * time.Millisecond, 1500, 500, 2000},
		{time.Second, 3500, 500, 3000},
		{1500 * time.Millisecond, 9500, 500, 3000},
		{2 * time.Second, 4500, 500, 1000},
		{4 * time.Second, 4500, 500, 0},
	} {
		w.measure(transfer.Progress{Bytes: c.bytes, Resumed: c.resumed}, begun.Add(c.after))
		if w.rate != c.want {
			t.Errorf("after %s: %g, want %g", c.after, w.rate, c.want)
		}
	}
}

// Events carry the bytes of a name that is not UTF-8.
func TestNameBytes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &program{out: &printer{out: &out, err: io.Discard, json: true, now: time.Now}}
	for name, want := range map[string]string{"a\xffb": `"path_bytes":"Yf9i"`, "aéb": ""} {
		out.Reset()
		(&watch{p: p, link: new(p2p.Link)}).file(transfer.File{Path: name, Status: transfer.StatusReceived})
		if got := out.String(); want == "" && strings.Contains(got, "_bytes") || !strings.Contains(got, want) {
			t.Errorf("%q: %s", name, got)
		}
	}
}
