package cmd

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"p2ptool/p2p"
)

// The environment variables for diagnostic output.
const (
	envQlog  = "P2PTOOL_QLOG"  // a folder: a qlog file for each link
	envDebug = "P2PTOOL_DEBUG" // areas, separated by commas: lines on stderr
)

// maxLogs limits the qlog files of a command: strangers can cause it to begin links.
const maxLogs = 256

// diagnostics returns the diagnostic output that the environment asks for.
func (p *program) diagnostics() (d p2p.Diagnostics, err error) {
	for _, area := range strings.FieldsFunc(p.env.Getenv(envDebug), func(r rune) bool { return r == ',' || r == ' ' }) {
		log := slog.New(slog.NewTextHandler(noteWriter{p.out}, &slog.HandlerOptions{Level: slog.LevelDebug})).With("area", area)
		switch area {
		case "path":
			d.Path = log
		case "rendezvous":
			d.Rendezvous = log
		default:
			return d, usage("%s: unknown area %q, use \"path\" or \"rendezvous\"", envDebug, area)
		}
	}
	if dir := p.env.Getenv(envQlog); dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return d, as(errUsage, fmt.Errorf("%s: %w", envQlog, err))
		}
		d.Trace = (&qlogs{p: p, dir: dir}).create
	}
	return d, nil
}

// A noteWriter prints each write as a note.
type noteWriter struct{ out *printer }

func (w noteWriter) Write(b []byte) (int, error) {
	w.out.note("%s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// qlogs creates qlog files in a folder.
type qlogs struct {
	p    *program
	dir  string
	made atomic.Int32
}

// create creates the file of a link, or returns nil.
func (q *qlogs) create(info p2p.LinkInfo) io.WriteCloser {
	switch n := q.made.Add(1); {
	case n == maxLogs+1:
		q.p.out.note("%s: no file for further links after %d", envQlog, maxLogs)
		fallthrough
	case n > maxLogs:
		return nil
	}
	var unique [4]byte
	rand.Read(unique[:])
	side := "responder"
	if info.Initiator {
		side = "initiator"
	}
	name := fmt.Sprintf("%s-%s-%s-%s.sqlog", time.Now().UTC().Format("20060102T150405.000"), info.Peer.String()[:8], side, hex.EncodeToString(unique[:]))
	f, err := os.OpenFile(filepath.Join(q.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		q.p.out.note("%s: %s", envQlog, err)
		return nil
	}
	return f
}
