package transfer

import (
	"errors"
	"io/fs"
	"path"

	"p2ptool/transfer/internal/disk"
)

// errSkip says that a file is skipped because its name is taken.
var errSkip = errors.New("it exists")

// recordNames chooses names for complete files and records them, before the files get them.
func (r *receiver) recordNames(ins []*incoming) error {
	var rs []record
	for _, in := range ins {
		if in.err == nil && in.tmp != nil && in.final == "" {
			in.final = in.local // Link fails if it is taken
		} else if in.err == nil {
			in.err = r.chooseName(in)
		}
		if in.err == nil && in.m.what == entryFile {
			var rec record
			if rec, in.err = in.record(); in.err == nil {
				rs = append(rs, rec)
			}
		}
	}
	return r.batch.add(rs...)
}

// record returns the record of a file whose name was chosen.
func (in *incoming) record() (record, error) {
	rec := record{size: in.m.size, mtime: in.m.mtime, tag: in.m.tag, digest: in.digest, path: in.m.path, final: in.final}
	if in.tmp != nil {
		rec.inode, rec.copyMtime = in.tmp.inode, in.tmp.mtime
		return rec, nil
	}
	fi, err := in.p.f.Stat()
	if err != nil {
		return record{}, err
	}
	rec.inode, rec.copyMtime = disk.Inode(fi), stampOf(fi.ModTime())
	return rec, nil
}

// chooseName chooses the name for a complete file.
func (r *receiver) chooseName(in *incoming) error {
	dir, base := path.Split(in.local)
	for n := 0; ; n++ {
		if in.final = in.local; n > 0 {
			in.final = dir + numbered(base, n)
		}
		err := withFiles(r.ctx, func() error { _, err := r.lookFor(in); return err })
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && r.replaces(in) && !r.delivered.isTwin(r.st.root, in.final):
			return nil
		case err != nil:
			return err
		case r.o.Conflict == Skip:
			return errSkip
		case n == maxNumber:
			return fs.ErrExist
		}
	}
}

// maxNumber is the highest number that is appended to a name.
const maxNumber = 9999

// lookFor returns the file that has the chosen name.
func (r *receiver) lookFor(in *incoming) (fs.FileInfo, error) {
	if in.tmp != nil {
		return in.tmp.folder.Lstat(path.Base(in.final))
	}
	return r.st.root.Lstat(in.final)
}

// giveNames gives complete files their names. If a name is taken, it chooses another one.
func (r *receiver) giveNames(ins []*incoming) error {
	for range maxNameTries {
		var taken []*incoming
		for _, in := range ins {
			if in.err != nil {
				continue
			}
			if in.err = r.name(in); errors.Is(in.err, fs.ErrExist) && !r.replaces(in) || in.err == errTwin {
				in.err = nil
				taken = append(taken, in)
			}
		}
		if ins = taken; len(ins) == 0 {
			return nil
		}
		if err := errors.Join(r.recordNames(ins), r.batch.sync()); err != nil {
			return err
		}
	}
	failFor(ins, fs.ErrExist)
	return nil
}

// maxNameTries is how often another program may take a name after it was chosen.
const maxNameTries = 100

// name gives a file its chosen name.
func (r *receiver) name(in *incoming) error {
	if in.tmp != nil {
		return in.tmp.file.Link(in.tmp.folder.Folder, path.Base(in.final))
	}
	folder, err := r.folderFor(in.final)
	if err != nil {
		return err
	}
	defer r.folders.drop(folder)
	if err := in.p.checkName(); err != nil {
		return err
	}
	move := disk.Move
	if r.replaces(in) {
		move = disk.Replace
		if r.delivered.isTwin(r.st.root, in.final) {
			return errTwin
		}
	}
	if err := move(r.st.folder, in.p.name+partExt, folder.Folder, path.Base(in.final)); err != nil {
		return err
	}
	if r.o.Conflict == Overwrite {
		r.delivered.add(in.final)
	}
	return nil
}

// replaces reports whether a file replaces an existing one. It never does under a numbered name, which
// belongs to another file.
func (r *receiver) replaces(in *incoming) bool {
	return r.o.Conflict == Overwrite && in.final == in.local
}
