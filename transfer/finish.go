package transfer

import (
	"errors"
	"io/fs"
	"path"
	"sync"
	"time"

	"p2ptool/transfer/internal/disk"
)

const (
	finalBatch  = 128 // files that are synced and named together
	finalAtOnce = 16  // of which so many are synced at a time
)

// finishLoop gives whole files their names. All that wait go together: their data is
// synced, then the record of what will have which name, then they are renamed, then the
// folders are synced. Only then the sender is told.
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

func (r *receiver) finishAll(ins []*incoming) error {
	errs := r.sealAll(ins)
	for _, in := range ins {
		if errs[in] == nil {
			errs[in] = r.chooseName(in)
		}
	}
	if err := r.batch.sync(); err != nil {
		return storage(err)
	}
	for _, in := range ins {
		if errs[in] == nil {
			errs[in] = r.giveName(in)
		}
	}
	r.syncFolders(ins, errs)
	for _, in := range ins {
		if err := r.conclude(in, errs[in]); err != nil {
			return err
		}
	}
	return nil
}

// sealAll syncs files, several at a time.
func (r *receiver) sealAll(ins []*incoming) map[*incoming]error {
	errs := make(map[*incoming]error, len(ins))
	var dressed []*incoming
	for _, in := range ins {
		errs[in] = in.p.dress(fs.FileMode(in.m.mode), time.Unix(0, in.m.mtime))
		if errs[in] == nil {
			dressed = append(dressed, in)
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan *incoming)
	for range min(finalAtOnce, len(dressed)) {
		wg.Go(func() {
			for in := range next {
				err := r.seal(in)
				mu.Lock()
				errs[in] = err
				mu.Unlock()
			}
		})
	}
	for _, in := range dressed {
		next <- in
	}
	close(next)
	wg.Wait()
	return errs
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
		// Something held is not what it was: nothing of it can be relied on.
		err := in.p.discard()
		in.p = nil
		return errors.Join(&fileError{codeIntegrity, "digest differs"}, err)
	}
	return nil
}

// A fileError is what is wrong with one file.
type fileError struct {
	code   code
	reason string
}

func (e *fileError) Error() string { return e.reason }
func (e *fileError) Unwrap() error { return e.code.kindOf() }

// errSkip says that a name was taken, and that then the file is not wanted.
var errSkip = errors.New("it exists")

// chooseName finds the name for a whole file and records it, before the file gets it.
func (r *receiver) chooseName(in *incoming) error {
	dir, base := path.Split(in.local)
	for n := 0; ; n++ {
		if in.final = in.local; n > 0 {
			in.final = dir + numbered(base, n)
		}
		_, err := r.st.root.Lstat(in.final)
		switch {
		case errors.Is(err, fs.ErrNotExist) || r.o.Conflict == Overwrite && err == nil:
			return r.recordName(in)
		case err != nil:
			return err
		case r.o.Conflict == Skip:
			return errSkip
		case n == maxNumber:
			return fs.ErrExist
		}
	}
}

// maxNumber is the highest number that is put behind a name.
const maxNumber = 9999

func (r *receiver) recordName(in *incoming) error {
	fi, err := in.p.f.Stat()
	if err != nil || in.m.what != entryFile {
		return err
	}
	return r.batch.add(record{size: in.m.size, mtime: in.m.mtime, inode: disk.Inode(fi),
		copyMtime: fi.ModTime().UnixNano(), digest: in.digest, path: in.m.path, final: in.final})
}

// giveName renames a whole file. If somebody took the name meanwhile, it finds another.
func (r *receiver) giveName(in *incoming) error {
	if err := r.checkParent(in); err != nil {
		return err
	}
	if !disk.MovesOpen {
		in.p.f.Close()
	}
	from := stateFolder + "/" + in.p.name + partExt
	for range 100 {
		err := r.move(from, in.final)
		if !errors.Is(err, fs.ErrExist) || r.o.Conflict == Overwrite {
			return err
		}
		if err = r.chooseName(in); err == nil {
			err = r.batch.sync()
		}
		if err != nil {
			return err
		}
	}
	return fs.ErrExist
}

func (r *receiver) move(from, to string) error {
	if r.o.Conflict == Overwrite {
		return r.st.root.Rename(from, to)
	}
	return disk.Move(r.st.root, from, to)
}

// checkParent makes the folder of a file if its entry did not come, and refuses the
// folder of our state, whatever name it was reached by.
func (r *receiver) checkParent(in *incoming) error {
	dir := path.Dir(in.final)
	if dir == "." {
		return nil
	}
	fi, err := r.st.root.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.st.root.MkdirAll(dir, 0o777); err == nil {
			r.madeIn(path.Dir(dir))
			fi, err = r.st.root.Stat(dir)
		}
	}
	if err == nil && r.isState(fi) {
		return errors.New("its name is taken by something else")
	}
	return err
}

func (r *receiver) isState(fi fs.FileInfo) bool {
	now, err := r.st.state.Stat(".")
	return err != nil || sameFile(now, fi)
}

// syncFolders makes the new names last.
func (r *receiver) syncFolders(ins []*incoming, errs map[*incoming]error) {
	synced := make(map[string]error)
	sync := func(dir string) error {
		err, ok := synced[dir]
		if !ok {
			err = disk.SyncDir(r.st.root, dir)
			synced[dir] = err
		}
		return err
	}
	made := r.takeMade()
	for _, in := range ins {
		if errs[in] == nil {
			errs[in] = sync(path.Dir(in.final))
		}
	}
	for _, dir := range made {
		if err := sync(dir); err != nil {
			for _, in := range ins {
				errs[in] = errors.Join(errs[in], err)
			}
		}
	}
}

// conclude tells what became of a file.
func (r *receiver) conclude(in *incoming, err error) error {
	if err != nil {
		in.final = ""
	}
	switch {
	case err == errSkip:
		err := in.p.discard()
		in.p = nil
		r.skip(in)
		return err
	case err != nil:
		return r.failOr(in, err)
	}
	err = in.p.removeJournal()
	in.p.closeFiles()
	in.p = nil
	if err != nil {
		return storage(err)
	}
	r.received(in, in.digest, in.size())
	r.finishEntry(in, &resultMsg{n: in.m.n, digest: in.digest})
	return nil
}
