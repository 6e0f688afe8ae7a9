//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

func link(from *Folder, name string, to *Folder, as string) error {
	err := unix.Linkat(int(from.f.Fd()), name, int(to.f.Fd()), as, 0)
	return linkError("link", name, as, err)
}

func rename(from *Folder, name string, to *Folder, as string) error {
	err := unix.Renameat(int(from.f.Fd()), name, int(to.f.Fd()), as)
	return linkError("rename", name, as, err)
}

func linkError(op, name, as string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: op, Old: name, New: as, Err: err}
}
