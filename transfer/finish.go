package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"p2ptool/transfer/internal/disk"
)

const (
	finalBatch  = 256 // files that are synced and named together
	finalAtOnce = 16  // files that are synced at a time
	wholeFrom   = 4   // sync the whole disk from this many small files or folders on
	slowWhole   = 2 * time.Second
)

// finishLoop gives complete files their final names. It finishes all waiting files together:
// it syncs their data and the record of their names, renames them, and syncs the folders.
// Only then does it report them to the sender.
func (r *receiver) finishLoop() error {
	for {
		select {
		case in := <-r.finals:
			ins := []*incoming{in}
			for len(ins) < finalBatch && len(r.finals) > 0 {
				ins = append(ins, <-r.finals)
			}
			if err := r.finishAll(ins); err != nil {
				return err
			}
		case <-r.ctx.Done():
			return nil
		}
	}
}

// finishAll finishes the written files first, and then writes and finishes those for which there were no descriptors.
func (r *receiver) finishAll(ins []*incoming) error {
	r.finishing.Store(true)
	defer r.finishing.Store(false)
	var written, starved []*incoming
	for _, in := range ins {
		if in.settle(); in.starved != nil {
			starved = append(starved, in)
		} else {
			written = append(written, in)
		}
	}
	if err := r.finishWritten(written); err != nil {
		return err
	}
	for i := range starved {
		r.writeStarved(starved[i : i+1])
		if err := r.finishWritten(starved[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) finishWritten(ins []*incoming) error {
	if len(ins) == 0 {
		return nil
	}
	if err := r.may.name(len(ins)); err != nil {
		return err
	}
	r.sealAll(ins)
	if err := r.recordNames(ins); err != nil {
		return storage(err)
	}
	if err := r.syncAll(ins); err != nil {
		return storage(err)
	}
	if err := r.giveNames(ins); err != nil {
		return storage(err)
	}
	r.syncFolders(ins)
	for _, in := range ins {
		if err := r.conclude(in); err != nil {
			return err
		}
	}
	return nil
}

// sealAll syncs partial files, several at a time.
func (r *receiver) sealAll(ins []*incoming) {
	var dressed []*incoming
	for _, in := range ins {
		if in.err != nil || in.tmp != nil {
			continue
		}
		if in.err = r.dress(in); in.err == nil {
			dressed = append(dressed, in)
		}
	}
	each(dressed, func(in *incoming) { in.err = r.seal(in) })
}

// dress gives a partial file its modification time, and the attributes of a file created in its target folder.
func (r *receiver) dress(in *incoming) error {
	folder, err := r.folderFor(in.local)
	if err != nil {
		return err
	}
	defer r.folders.drop(folder)
	return in.p.dress(folder.Folder, fs.FileMode(in.m.mode), in.m.mtime.time())
}

// each calls fn for each of ins, several at a time.
func each(ins []*incoming, fn func(*incoming)) {
	var wg sync.WaitGroup
	next := make(chan *incoming)
	for range min(finalAtOnce, len(ins)) {
		wg.Go(func() {
			for in := range next {
				fn(in)
			}
		})
	}
	for _, in := range ins {
		next <- in
	}
	close(next)
	wg.Wait()
}

func (r *receiver) seal(in *incoming) error {
	var known *[32]byte
	if in.inOrder(r) {
		known = &in.digest
	}
	digest, err := in.p.seal(known)
	if err != nil {
		return err
	}
	if in.digest = digest; digest != in.end.digest {
		// Held data is not what was verified, so none of it can be trusted.
		err := in.p.discard()
		in.p = nil
		return errors.Join(&fileError{codeIntegrity, "digest differs"}, err)
	}
	return nil
}

// A fileError is an error of one file.
type fileError struct {
	code   code
	reason string
}

func (e *fileError) Error() string { return e.reason }
func (e *fileError) Unwrap() error { return e.code.kindOf() }

// syncAll makes small files and the record durable. It syncs the whole disk at once if the disk
// supports that and other programs' writes have not made that slow.
func (r *receiver) syncAll(ins []*incoming) error {
	var small []*incoming
	for _, in := range ins {
		if in.err == nil && in.tmp != nil {
			small = append(small, in)
		}
	}
	if len(small) >= wholeFrom && r.whole != nil {
		return r.syncWhole()
	}
	each(small, func(in *incoming) { in.err = in.tmp.file.Sync() })
	return r.batch.sync()
}

func (r *receiver) syncWhole() error {
	begun := time.Now()
	err := r.whole.Sync()
	if time.Since(begun) > slowWhole {
		r.closeWhole()
	}
	return err
}

func (r *receiver) closeWhole() {
	if r.whole != nil {
		r.whole.Close()
		r.whole = nil
	}
}

// syncFolders makes the new names durable.
func (r *receiver) syncFolders(ins []*incoming) {
	syncs := make(map[string]func() error)
	for _, in := range ins {
		dir := path.Dir(in.final)
		switch {
		case in.err != nil || syncs[dir] != nil:
		case in.tmp != nil:
			syncs[dir] = in.tmp.folder.Sync
		default:
			syncs[dir] = func() error { return r.syncDir(dir) }
		}
	}
	made := make(map[string]func() error)
	for _, dir := range r.drainMade() {
		if syncs[dir] == nil {
			made[dir] = func() error { return r.syncDir(dir) }
		}
	}
	if len(syncs)+len(made) >= wholeFrom && r.whole != nil {
		failFor(ins, r.syncWhole())
		return
	}
	for _, sync := range made {
		failFor(ins, sync())
	}
	for dir, sync := range syncs {
		err := sync()
		for _, in := range ins {
			if path.Dir(in.final) == dir {
				failFor([]*incoming{in}, err)
			}
		}
	}
	failFor(ins, disk.FlushDrive(r.st.root))
}

func (r *receiver) syncDir(dir string) error {
	return withFiles(r.ctx, func() error { return disk.SyncDir(r.st.root, dir) })
}

// failFor sets the error of all of ins that have none yet.
func failFor(ins []*incoming, err error) {
	for _, in := range ins {
		if in.err == nil {
			in.err = err
		}
	}
}

// conclude reports the outcome of a file.
func (r *receiver) conclude(in *incoming) error {
	err := in.err
	if err != nil {
		in.final = ""
	}
	switch {
	case err == errSkip:
		err := r.discard(in)
		r.skip(in)
		return err
	case err != nil:
		return r.failOr(in, err)
	}
	if in.tmp != nil {
		r.dropTmp(in)
	} else {
		err = in.p.removeJournal()
		in.p.closeFiles()
		src := r.sourceOf(in)
		err = errors.Join(err, r.st.dropOthers(in.p.name, in.key, partExt, likeMatch, func(name string, _ *os.File) match { return r.st.journalMatch(name, src) }))
		in.p = nil
	}
	if err != nil {
		return storage(err)
	}
	r.received(in, in.digest, in.size())
	r.finishEntry(in, &resultMsg{n: in.m.n, digest: in.digest})
	return nil
}

// discard removes a received file that turned out not to be needed.
func (r *receiver) discard(in *incoming) error {
	if in.tmp != nil {
		r.dropTmp(in)
		return nil
	}
	err := in.p.discard()
	in.p = nil
	return err
}
