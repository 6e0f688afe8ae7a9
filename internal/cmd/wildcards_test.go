package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMatching(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + string(filepath.Separator)
	for _, name := range []string{"a.txt", "B.TXT", "c.jpg", "d[1].txt", "e"} {
		if err := os.WriteFile(dir+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir+"f.txt", 0o700); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string][]string{
		"*.txt":     {"B.TXT", "a.txt", "d[1].txt", "f.txt"},
		"?.TXT":     {"B.TXT", "a.txt", "f.txt"},
		"d[1].*":    {"d[1].txt"},
		"*.*":       {"B.TXT", "a.txt", "c.jpg", "d[1].txt", "e", "f.txt"},
		"a.txt":     {"a.txt"},
		"not there": {"not there"},
	} {
		got, err := matching(dir + pattern)
		for i, p := range got {
			got[i] = p[len(dir):]
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{dir + "*.png", filepath.Join(dir, "*", "a"), filepath.Join(dir, "missing", "*")} {
		if got, err := matching(pattern); err == nil || codeOf(err).name != "usage" {
			t.Errorf("%s: %q, %v", pattern, got, err)
		}
	}
}
