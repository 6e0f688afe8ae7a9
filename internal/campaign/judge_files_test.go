package campaign

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lukechampine.com/blake3"
)

func digest(content string) string {
	sum := blake3.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// An inbox is what a person has in the end: paths by the digest of their contents.
type inbox struct {
	paths  map[string][]string
	hidden []string // what should have gone
}

// stateFolder is where transfers keep what is not whole.
const stateFolder = ".p2ptool-partial"

func readInbox(dir string) (in inbox) {
	in.paths = map[string][]string{}
	must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(rel, ".p2ptool") {
			if !strings.HasSuffix(rel, ".done") { // it stays where the sender's last word was lost, and expires
				in.hidden = append(in.hidden, rel)
			}
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := digest(string(data))
		in.paths[sum] = append(in.paths[sum], filepath.ToSlash(rel))
		return nil
	}))
	return in
}

// files judges the transfers.
func (j *judge) files() {
	for i, a := range j.w.people {
		j.inbox(i, readInbox(a.inbox(j.w)))
	}
}

func (j *judge) inbox(who int, in inbox) {
	a := j.w.people[who]
	known := map[string]string{digest(""): "an empty file"}
	for name, content := range a.planted {
		known[digest(content)] = "the own " + name
		if a.plan.conflict != "overwrite" && !slices.Contains(in.paths[digest(content)], name) {
			j.fault("files: %s's own %s is gone or changed", a.plan.name, name)
		}
	}
	allSent := true
	for _, p := range j.w.processes {
		if p.sending == nil || p.sending.to != who {
			continue
		}
		for sum, path := range p.contents() {
			known[sum] = p.name + " " + path
		}
		allSent = allSent && p.status == 0 && !p.killed
		j.sent(p, in)
	}
	for sum, paths := range in.paths {
		what, ok := known[sum]
		switch {
		case !ok:
			j.fault("files: %s has %q, which nobody sent", a.plan.name, paths)
		case len(paths) > 1 && sum != digest("") && !j.twice[sum] && !j.divided(who):
			j.fault("files: %s has %s %d times, as %q", a.plan.name, what, len(paths), paths)
		}
	}
	if allSent && len(in.hidden) > 0 && !j.w.plan.faulty() {
		j.fault("files: %s has all, and %q is still there", a.plan.name, in.hidden)
	}
	j.received(a, in)
}

// divided reports whether one process of a person may have been stopped while another one took what
// it was taking: then a file may be there twice.
func (j *judge) divided(who int) bool {
	return slices.ContainsFunc(j.w.plan.events, func(e event) bool {
		p, ok := e.do.(pause)
		return ok && p.who == who
	})
}

// contents returns the paths of what a process sends, by digest.
func (p *process) contents() map[string]string {
	m := map[string]string{}
	for _, f := range p.sending.goods.files {
		m[digest(f.content())] = f.path
	}
	for content := range p.meddled {
		m[digest(content)] = "what was changed"
	}
	return m
}

// sent judges a transfer by what its sender says.
func (j *judge) sent(p *process, in inbox) {
	if j.w.people[p.sending.to].plan.conflict != "rename" {
		return // what arrived may have been skipped or replaced
	}
	if p.status == 0 && !p.killed && p.meddled == nil {
		for sum, path := range p.contents() {
			if len(in.paths[sum]) == 0 {
				j.fault("files: %s ended well, and %s has no %q", p.name, names[p.sending.to], path)
			}
		}
	}
	for _, e := range of(j.said[p], "file") {
		if e.Status == "sent" && len(in.paths[e.BLAKE3]) == 0 {
			j.fault("files: %s says that %q is sent, and %s has not got it", p.name, e.Path, names[p.sending.to])
		}
	}
	j.agree(p)
}

// received judges what a person's processes say that they have received.
func (j *judge) received(a *actor, in inbox) {
	if a.plan.conflict == "overwrite" {
		return
	}
	for _, q := range j.of(a.index) {
		for _, e := range of(j.said[q], "file") {
			if e.Status == "received" && !slices.Contains(in.paths[e.BLAKE3], e.Path) {
				j.fault("files: %s says that %q is received, and it is not there", q.name, e.Path)
			}
		}
	}
}

// agree has both sides say the same of a transfer: what is done for one is done for the
// other, unless that was killed.
func (j *judge) agree(p *process) {
	for _, mine := range of(j.said[p], "done") {
		found, excused := false, false
		for _, q := range j.of(p.sending.to) {
			excused = excused || q.killed || q.interrupted
			for _, theirs := range of(j.said[q], "done") {
				if theirs.Transfer != mine.Transfer {
					continue
				}
				found = true
				if theirs.Files != mine.Files || theirs.Failed != mine.Failed {
					j.fault("files: %s says %d sent and %d failed, %s says %d and %d", p.name, mine.Files, mine.Failed, q.name, theirs.Files, theirs.Failed)
				}
			}
		}
		if !found && !excused {
			j.fault("files: %s is done, and %s does not say so", p.name, names[p.sending.to])
		}
	}
}

// meddling is what is put behind a file while it is sent.
const meddling = " and more"

// meddle changes or removes a file that a process has to send.
func (w *world) meddle(p *process, m meddler) {
	if p.meddled == nil {
		p.meddled = map[string]bool{}
	}
	g := p.sending.goods
	path := filepath.Join(w.path("goods-"+p.id()), g.folder, filepath.FromSlash(g.files[len(g.files)/2].path))
	if m.remove {
		_ = os.Remove(path) // it may have been before
		return
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return // removed before
	}
	after := string(before) + meddling
	p.meddled[after] = true
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(err)
	_, err = f.WriteString(meddling)
	must(errors.Join(err, f.Close()))
}
