package campaign

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// An entry is a line of --json.
type entry struct {
	Event    string
	Time     time.Time
	Peer     string
	Path     string
	Text     string
	ID       uint64
	Transfer string
	Bytes    int64
	Files    int64
	Failed   int64
	BLAKE3   string
	Status   string
	Reason   string
	Code     string
	Message  string
}

// entries reads what a process has said, until it was killed if it was.
func (p *process) entries() (all []entry) {
	data, err := os.ReadFile(filepath.Join(p.files, "out"))
	must(err)
	if p.killed {
		data = data[:min(int64(len(data)), p.kept)]
	}
	for line := range bytes.Lines(data) {
		var e entry
		if json.Unmarshal(line, &e) == nil { // the last may be torn
			all = append(all, e)
		}
	}
	return all
}

// of returns those of a kind.
func of(all []entry, event string) (some []entry) {
	for _, e := range all {
		if e.Event == event {
			some = append(some, e)
		}
	}
	return some
}
