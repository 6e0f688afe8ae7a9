package disk

import "os"

// A Folder is a folder that stays open, so that what is done to the files in it does not
// go by the folders above each time.
type Folder struct {
	root *os.Root
	f    *os.File
}

// OpenFolder opens the folder dir below root.
func OpenFolder(root *os.Root, dir string) (*Folder, error) {
	sub, err := root.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f, err := sub.Open(".")
	if err != nil {
		sub.Close()
		return nil, err
	}
	return &Folder{sub, f}, nil
}

// Lstat tells what has a name in the folder.
func (d *Folder) Lstat(name string) (os.FileInfo, error) { return d.root.Lstat(name) }

// Stat tells of the folder itself.
func (d *Folder) Stat() (os.FileInfo, error) { return d.f.Stat() }

// Sync makes the names in the folder last, as SyncDir does.
func (d *Folder) Sync() error { return syncDir(d.f) }

// Close closes the folder.
func (d *Folder) Close() {
	d.f.Close()
	d.root.Close()
}
