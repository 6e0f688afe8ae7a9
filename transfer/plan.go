package transfer

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"p2ptool/transfer/internal/disk"
)

// A plan is an entry to decide on, the end of a folder, or the end of all entries.
type plan struct {
	in    *incoming
	leave bool
	done  bool
}

// A planner decides, in the order of the entries, what to request of each.
type planner struct {
	*receiver
	open []folder
	seen uint32
	come totalMsg // entries so far
}

func (r *receiver) planLoop() error {
	p := &planner{receiver: r}
	for {
		next, err := r.plans.get(r.ctx)
		if err != nil {
			return nil
		}
		switch {
		case next.done:
			if err := r.syncMade(); err != nil {
				return err
			}
			r.setTotal(int64(p.seen))
		case next.leave:
			f := p.open[len(p.open)-1]
			p.open = p.open[:len(p.open)-1]
			r.leave(leave{f, p.seen})
		default:
			p.seen++
			if err := p.entry(next.in); err != nil {
				return err
			}
		}
	}
}

// entry decides on one entry. Its error ends the transfer.
func (p *planner) entry(in *incoming) error {
	if err := p.allowed(in); err != nil {
		return err
	}
	local, err := localPath(in.m.path, runtime.GOOS)
	if err == nil && !p.expected() {
		err = errors.New("more than was offered")
	}
	in.local = local
	if in.m.what == entryFolder {
		return p.folder(in, err)
	}
	if err != nil {
		p.fail(in, err)
		return nil
	}
	if p.o.Writer != nil {
		in.wanted.Store(true)
		p.send(&wantMsg{in.m.n})
		return nil
	}
	return p.file(in)
}

// maxKnown keeps the sum of sizes from overflowing. No disk is that large.
const maxKnown = 1 << 60

// allowed returns an error if the entry is not covered by the acceptance.
func (p *planner) allowed(in *incoming) error {
	if p.known.Load() < maxKnown {
		p.known.Add(max(in.m.size, 0))
	}
	if in.m.what == entryFolder {
		p.come.folders++
	} else {
		p.come.files++
	}
	if p.o.MaxSize > 0 && p.amount() > p.o.MaxSize {
		return refused(fmt.Sprintf("more than the %d bytes that are allowed", p.o.MaxSize), nil)
	}
	if p.o.Writer != nil && (in.m.what == entryFolder || p.seen > 1) {
		return refused("only a single file can be taken", nil)
	}
	first, _, _ := strings.Cut(in.m.path, "/")
	if o := p.offer; len(o.names) == int(o.count) && !slices.Contains(o.names, first) {
		return unexpected("entry that was not offered")
	}
	return nil
}

// expected reports whether the entries so far do not exceed the offer, apart from a little
// slack: a folder may have grown since.
func (p *planner) expected() bool {
	o := p.offer
	return !exceeds(p.amount(), o.bytes, slackBytes) && !exceeds(p.come.files, o.files, slackNames) && !exceeds(p.come.folders, o.folders, slackNames)
}

// amount is how many bytes have arrived or will.
func (r *receiver) amount() int64 { return r.known.Load() + r.streamed.Load() }

// file decides what to request of a file: it may be here already, completely or in part.
func (p *planner) file(in *incoming) error {
	if r, ok := p.finished(in); ok {
		p.held(in, r)
		return nil
	}
	if p.o.Conflict == Skip {
		err := withFiles(p.ctx, func() error { _, err := p.st.root.Lstat(in.local); return err })
		if err == nil {
			p.skip(in)
			return nil
		}
	}
	if in.small = p.isSmall(in); in.small {
		return p.want(in, nil)
	}
	in.key = p.st.key([]byte(in.m.path))
	var have *haveMsg
	if p.hasPartial(in) {
		select {
		case p.resumables <- struct{}{}:
			in.counted = true
		case <-p.ctx.Done():
			return nil
		}
		var err error
		err = withFiles(p.ctx, func() error { have, err = p.resume(in); return err })
		if err != nil {
			return p.failOr(in, err)
		}
	}
	return p.want(in, have)
}

// want requests a file, or the part of it that is not held, if there is room. From then on
// arrivalLoop owns the file.
func (p *planner) want(in *incoming, have *haveMsg) error {
	held := int64(0)
	for _, r := range in.runs {
		held += min(r.end()*chunkSize, in.m.size) - int64(r.first)*chunkSize
	}
	if in.total > 1 { // for small files, the room was checked with the offer
		if err := p.st.room(max(0, in.m.data-held), -1); err != nil {
			return err
		}
	}
	if !in.check {
		p.ev.done.Add(held)
		p.ev.resumed.Add(held)
	}
	in.wanted.Store(true)
	if have != nil {
		p.send(have)
	} else {
		p.send(&wantMsg{in.m.n})
	}
	return nil
}

// finished looks for the file among those that an earlier attempt at this transfer completed.
func (p *planner) finished(in *incoming) (record, bool) {
	if in.m.what != entryFile {
		return record{}, false
	}
	return p.batch.find(in.m.path, func(r record) bool {
		if r.size != in.m.size || r.mtime != in.m.mtime || r.tag != in.m.tag {
			return false
		}
		fi, err := p.st.root.Lstat(r.final)
		return err == nil && fi.Mode().IsRegular() && fi.Size() == r.size &&
			stampOf(fi.ModTime()) == r.copyMtime && disk.Inode(fi) == r.inode
	})
}

func (p *planner) hasPartial(in *incoming) bool {
	return in.m.what == entryFile && in.total > 1 && p.st.slots.has(in.key, journalExt)
}

// resume opens the partial file and returns the HAVE about it, or nil if nothing is held.
func (p *planner) resume(in *incoming) (*haveMsg, error) {
	part, err := openPartial(p.st, in.key, p.sourceOf(in), false)
	if err != nil {
		return nil, err
	}
	in.p = part
	if in.runs, in.check, err = part.resume(); err != nil || len(in.runs) == 0 {
		return nil, err
	}
	return p.have(in)
}

// have returns the HAVE about what is held. Runs that do not fit into the message are fetched again.
func (p *planner) have(in *incoming) (*haveMsg, error) {
	m := &haveMsg{n: in.m.n, check: in.check}
	for k, r := range in.runs {
		var levels []int
		if !in.check {
			levels = subtrees(int64(r.first), r.end(), in.total)
		}
		if size := 16 + 8*(k+1) + hashSize*(len(m.hashes)+len(levels)); k == maxRuns || size > maxBody {
			for _, rest := range in.runs[k:] {
				if err := in.p.forget(rest); err != nil {
					return nil, err
				}
			}
			in.runs = in.runs[:k]
			return m, in.p.j.sync()
		}
		at := int64(r.first)
		for _, level := range levels {
			h, err := in.p.j.subtree(at, level)
			if err != nil {
				return nil, err
			}
			m.hashes = append(m.hashes, h)
			at += 1 << level
		}
		m.runs = append(m.runs, r)
	}
	return m, nil
}
