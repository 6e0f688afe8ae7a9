package config

import (
	"path/filepath"
	"runtime"
	"strings"
)

// Home returns the user's home folder, or "" if it is unknown.
func Home(getenv func(string) string) string {
	if runtime.GOOS == "windows" {
		return getenv("USERPROFILE")
	}
	return getenv("HOME")
}

// ExpandHome replaces a leading ~ by the home folder, unless home is empty.
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
