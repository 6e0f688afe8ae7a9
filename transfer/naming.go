package transfer

import (
	"errors"
	"io/fs"
	"path"

	"p2ptool/transfer/internal/disk"
)

// errSkip says that a name was taken, and that then the file is not wanted.
var errSkip = errors.New("it exists")

// recordNames finds names for whole files and records them, before the files get them.
func (r *receiver) recordNames(ins []*incoming) error {
	var rs []record
	for _, in := range ins {
		if in.err == nil && in.tmp != nil && in.final == "" {
			in.final = in.local // Link tells if it is taken
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

// record is the entry of a file that has chosen its name.
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

// chooseName finds the name for a whole file.
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

// maxNumber is the highest number that is put behind a name.
const maxNumber = 9999

// lookFor tells what has the name that a file would like.
func (r *receiver) lookFor(in *incoming) (fs.FileInfo, error) {
	if in.tmp != nil {
		return in.tmp.folder.Lstat(path.Base(in.final))
	}
	return r.st.root.Lstat(in.final)
}

// giveNames gives whole files their names. Where somebody has a name already, another
// one is found.
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

// maxNameTries is how often somebody may take a name between looking and naming.
const maxNameTries = 100

// name gives a file the name that it has chosen.
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

// replaces reports whether a file takes the place of what has its name. With a number behind it that
// would be the place of another one.
func (r *receiver) replaces(in *incoming) bool {
	return r.o.Conflict == Overwrite && in.final == in.local
}
