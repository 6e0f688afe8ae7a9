package disk

import (
	"io/fs"
	"os"
)

// A Folder is a folder that stays open, so that operations on its files do not resolve its
// path each time.
type Folder struct {
	above *os.Root
	dir   string // below it
	root  *os.Root
	f     *os.File
	rules inheritance
}

// OpenFolder opens the folder dir below root. root must stay open.
func OpenFolder(root *os.Root, dir string) (*Folder, error) {
	sub, err := OpenSubRoot(root, dir)
	if err != nil {
		return nil, err
	}
	f, err := sub.Open(".")
	if err != nil {
		sub.Close()
		return nil, err
	}
	return &Folder{root, dir, sub, f, inheritanceOf(f)}, nil
}

// Root returns the folder itself as a root. Close closes it.
func (d *Folder) Root() *os.Root { return d.root }

// Lstat returns the metadata of the file with the name in the folder.
func (d *Folder) Lstat(name string) (os.FileInfo, error) { return d.root.Lstat(name) }

// Stat returns the metadata of the folder itself.
func (d *Folder) Stat() (os.FileInfo, error) { return d.f.Stat() }

// Sync makes the names in the folder durable, like SyncDir.
func (d *Folder) Sync() error { return syncDir(d.f) }

// Allowed returns the permissions of a file that is made in the folder with the mode: without those
// that the umask clears or, if the folder has a default ACL, those that the ACL does not grant.
func (d *Folder) Allowed(mode fs.FileMode) fs.FileMode { return mode.Perm() & d.rules.allowed }

// Close closes the folder.
func (d *Folder) Close() {
	d.f.Close()
	d.root.Close()
}
