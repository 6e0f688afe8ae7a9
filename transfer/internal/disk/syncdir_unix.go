//go:build linux || freebsd || openbsd || netbsd || dragonfly

package disk

import "os"

func syncDir(f *os.File) error { return syncedDir(f.Sync()) }
