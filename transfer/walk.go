package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lukechampine.com/blake3"

	"p2ptool/transfer/internal/disk"
)

// A top is a file or folder in Source.Paths.
type top struct {
	dir  string // the folder it is in
	base string // its name there
	name string // the name in the offer
}

// resolveTops resolves paths and gives each a unique name.
func resolveTops(paths []string) ([]top, error) {
	taken := make(map[string]bool)
	tops := make([]top, 0, len(paths))
	for _, p := range paths {
		t, err := resolveTop(p)
		if err != nil {
			return nil, err
		}
		for name, n := t.name, 1; taken[t.name]; n++ {
			t.name = numbered(name, n)
		}
		taken[t.name] = true
		tops = append(tops, t)
	}
	return tops, nil
}

func resolveTop(p string) (top, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return top{}, err
	}
	last := p[max(strings.LastIndexByte(filepath.ToSlash(p), '/')+1, 0):]
	if last == "" || last == "." || last == ".." { // the folder itself, after following links
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return top{}, err
		}
	}
	// Follow a link that was named, like scp. Links in folders are not followed.
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return top{}, err
	}
	t := top{dir: filepath.Dir(real), base: filepath.Base(real), name: filepath.Base(abs)}
	if filepath.Dir(abs) == abs || t.dir == real {
		return top{}, fmt.Errorf("%q has no name to send it under", p)
	}
	return t, nil
}

// topsHash returns a hash that identifies a set of names.
func topsHash(names []string) [32]byte {
	h := blake3.New(32, nil)
	for _, n := range names {
		fmt.Fprintf(h, "%d:%s", len(n), n)
	}
	return [32]byte(h.Sum(nil))
}

// topsState returns a tag over the states of all tops, to distinguish sources with the same names.
func topsState(tops []top) [16]byte {
	h := blake3.New(16, nil)
	for _, t := range tops {
		if t.dir == "" {
			continue // a stream
		}
		var tag [16]byte // zero: it no longer exists
		if fi, err := os.Lstat(filepath.Join(t.dir, t.base)); err == nil {
			tag = stateOf(fi).tag()
		}
		h.Write(tag[:])
	}
	return [16]byte(h.Sum(nil))
}

// topsOrigin identifies the folders that the tops are in: two files with the same name and origin are the same file,
// maybe in different states. It reveals no path to the receiver, as nobody can guess the inodes.
func topsOrigin(tops []top) [16]byte {
	var dirs []string
	for _, t := range tops {
		if t.dir == "" {
			return [16]byte{} // a stream
		}
		dirs = append(dirs, t.dir)
	}
	slices.Sort(dirs)
	h := blake3.New(16, nil)
	for _, dir := range slices.Compact(dirs) {
		var inode uint64
		if fi, err := os.Stat(dir); err == nil {
			inode = disk.Inode(fi)
		}
		fmt.Fprintf(h, "%d:%s%d;", len(dir), dir, inode)
	}
	return [16]byte(h.Sum(nil))
}

// A found is one result of the walk.
type found struct {
	top   *top
	dir   *os.Root // the folder it is in; valid only during the call
	rel   string   // path below top.dir, with the system's separators
	path  string   // path on the wire
	info  fs.FileInfo
	leave bool   // the end of a folder
	skip  string // why it is not sent
	err   error  // why it cannot be sent
}

// walk calls fn for the tops and everything in them, and for each folder before and after its
// entries. It follows no symbolic links, and keeps one page of entries for each level.
func walk(ctx context.Context, tops []top, fn func(found) error) error {
	for i := range tops {
		t := &tops[i]
		root, err := disk.OpenRoot(t.dir)
		if err != nil {
			err = fn(found{top: t, path: t.name, err: err})
		} else {
			err = walkOne(ctx, root, found{top: t, rel: t.base, path: t.name}, 1, fn)
			root.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walkOne walks the file or folder in dir whose name is the last element of f.rel.
func walkOne(ctx context.Context, dir *os.Root, f found, depth int, fn func(found) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.dir = dir
	if f.info == nil && f.err == nil {
		f.err = withFiles(ctx, func() (err error) { f.info, err = dir.Lstat(filepath.Base(f.rel)); return err })
	}
	if f.err != nil {
		return fn(f)
	}
	if f.skip = skipReason(f.info); f.skip != "" {
		return fn(f)
	}
	if len(f.path) > maxPath || depth > maxDepth {
		f.err = fmt.Errorf("%w: too long or too deep", errName)
		return fn(f)
	}
	if !f.info.IsDir() {
		return fn(f)
	}
	return walkFolder(ctx, dir, f, depth, fn)
}

func skipReason(fi fs.FileInfo) string {
	m := fi.Mode()
	switch {
	case m.IsDir() && fi.Name() == stateFolder:
		return "state of transfers"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsDir() || m.IsRegular():
		return ""
	}
	return "not a regular file"
}

func walkFolder(ctx context.Context, dir *os.Root, f found, depth int, fn func(found) error) error {
	var sub *os.Root
	var list *os.File
	err := withFiles(ctx, func() (err error) { sub, list, err = openFolder(dir, filepath.Base(f.rel), f.info); return err })
	if err != nil {
		f.err = err
		return fn(f)
	}
	defer sub.Close()
	defer list.Close()
	if err := fn(f); err != nil {
		return err
	}
	for {
		entries, err := list.ReadDir(256)
		for _, e := range entries {
			g := found{top: f.top, rel: f.rel + string(filepath.Separator) + e.Name(), path: f.path + "/" + e.Name()}
			if disk.ListsStates && !e.IsDir() {
				if g.info, g.err = e.Info(); errors.Is(g.err, fs.ErrNotExist) {
					continue // it was removed in the meantime
				}
			}
			if err := walkOne(ctx, sub, g, depth+1, fn); err != nil {
				return err
			}
		}
		if err == io.EOF {
			f.leave = true
			return fn(f)
		}
		if err != nil {
			bad := f
			bad.err = err
			f.leave = true
			return errors.Join(fn(bad), fn(f))
		}
	}
}

// openFolder opens the folder that info describes. It returns ErrChanged if that was replaced.
func openFolder(dir *os.Root, base string, info fs.FileInfo) (*os.Root, *os.File, error) {
	sub, err := disk.OpenSubRoot(dir, base)
	if err != nil {
		return nil, nil, err
	}
	list, err := sub.Open(".")
	if err != nil {
		sub.Close()
		return nil, nil, err
	}
	if now, err := list.Stat(); err != nil || !os.SameFile(now, info) {
		sub.Close()
		list.Close()
		return nil, nil, ErrChanged
	}
	return sub, list, nil
}
