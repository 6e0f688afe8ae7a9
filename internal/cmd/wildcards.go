package cmd

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// expandWildcards replaces the paths with * or ? by the files and folders that they match. It does so
// only on Windows, where shells do not; elsewhere such a path is meant literally.
func expandWildcards(paths []string) ([]string, error) {
	if runtime.GOOS != "windows" {
		return paths, nil
	}
	var all []string
	for _, p := range paths {
		matched, err := matching(p)
		if err != nil {
			return nil, err
		}
		all = append(all, matched...)
	}
	return all, nil
}

// matching returns what a path with wildcards in its last name matches, ignoring case. A path without
// wildcards is returned as it is.
func matching(p string) ([]string, error) {
	dir, pattern := filepath.Split(p)
	switch {
	case !strings.ContainsAny(p, "*?"):
		return []string{p}, nil
	case strings.ContainsAny(strings.TrimPrefix(dir, `\\?\`), "*?"):
		return nil, usage("%q: only the last name may contain * or ?", p)
	}
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, usage("%q: %w", p, err)
	}
	var all []string
	for _, e := range entries {
		if matchesName(pattern, e.Name()) {
			all = append(all, dir+e.Name())
		}
	}
	if len(all) == 0 {
		return nil, usage("%q matches nothing", p)
	}
	return all, nil
}

// matchesName matches by the rules of Windows: only * and ? are special, and *.* is everything.
func matchesName(pattern, name string) bool {
	if pattern == "*.*" {
		return true
	}
	pattern = strings.NewReplacer("[", "[[]", `\`, `\\`).Replace(strings.ToLower(pattern))
	ok, err := path.Match(pattern, strings.ToLower(name))
	return ok && err == nil
}
