package config

import (
	"path/filepath"
	"runtime"
	"strings"
)

// Home returns the user's home folder; empty: it is not known.
func Home(getenv func(string) string) string {
	if runtime.GOOS == "windows" {
		return getenv("USERPROFILE")
	}
	return getenv("HOME")
}

// ExpandHome puts the home folder in place of a leading ~ that stands for it. Where home is empty the
// path stays as it is.
func ExpandHome(path, home string) string {
	if !inHome(path) || home == "" {
		return path
	}
	return filepath.Join(home, path[1:])
}

// inHome reports whether a path begins with the home folder.
func inHome(path string) bool {
	rest, ok := strings.CutPrefix(path, "~")
	return ok && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator)
}
