package disk

import (
	"io/fs"
	"os"
)

// inheritance is what a new file gets from its folder. On Windows the system handles that.
type inheritance struct{ allowed fs.FileMode }

func inheritanceOf(*os.File) inheritance { return inheritance{allowed: fs.ModePerm} }

// Inherit gives a file that was made elsewhere the permissions of a file that is made in the folder.
func (d *Folder) Inherit(f *os.File, mode fs.FileMode) { _ = f.Chmod(d.Allowed(mode)) }

// Owned returns true: a FileInfo has no owner on Windows.
func Owned(fs.FileInfo) bool { return true }

// SameOwner returns true: a FileInfo has no owner on Windows.
func SameOwner(a, b fs.FileInfo) bool { return true }

// Links returns 1: a FileInfo has no link count on Windows.
func Links(fs.FileInfo) uint64 { return 1 }
