package disk

import (
	"io/fs"
	"os"
)

// inheritance is what a file that is made in a folder gets from it. Here the system sees to that.
type inheritance struct{ allowed fs.FileMode }

func inheritanceOf(*os.File) inheritance { return inheritance{allowed: fs.ModePerm} }

// Inherit gives a file that was made elsewhere the permissions of one that is made in the folder.
func (d *Folder) Inherit(f *os.File, mode fs.FileMode) { _ = f.Chmod(d.Allowed(mode)) }

// Owned reports whether what fi describes belongs to this process's user, as far as the system shows it.
func Owned(fs.FileInfo) bool { return true }

// SameOwner reports whether two files have the same owner, as far as the system shows it.
func SameOwner(a, b fs.FileInfo) bool { return true }

// Links returns how many names a file has, as far as the system shows it.
func Links(fs.FileInfo) uint64 { return 1 }
