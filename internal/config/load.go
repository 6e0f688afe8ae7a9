package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"p2ptool/internal/textfile"
)

// maxFile is the largest size of a config, in bytes.
const maxFile = 1 << 20

// Load reads the file at path; home replaces ~ in it, see Home. If the content is invalid, the error
// is of type Problems; other errors say why the file cannot be read.
func Load(path, home string) (*Config, error) {
	text, exposed, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	d := decoder{file: path}
	c := Default()
	c.file, c.home = path, home
	d.decode(text, c)
	d.check(c, exposed)
	if len(d.problems) > 0 {
		d.problems.sort()
		return nil, d.problems
	}
	return c, nil
}

// readFile returns the text of a file, and whether other users may read or write it.
func readFile(path string) (text string, exposed bool, err error) {
	f, err := textfile.Open(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	if exposed, err = isExposed(f); err != nil {
		return "", false, err
	}
	b, err := textfile.ReadAll(f, maxFile)
	return string(b), exposed, err
}

// Find returns the path of the config: flag if not empty, else $P2PTOOL_CONFIG, else FileName in the
// working folder if that exists, else UserFile if that exists, else "". If one of the last two is
// not a regular file, that is an error: the user did not name it, and reading a pipe could block.
func Find(flag string, getenv func(string) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if path := getenv("P2PTOOL_CONFIG"); path != "" {
		return path, nil
	}
	user, err := UserFile(getenv)
	if err != nil {
		user = "" // without a home folder there is no such file
	}
	for _, path := range []string{FileName, user} {
		if _, err := os.Lstat(path); path == "" || err != nil {
			continue
		}
		if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
			return "", fmt.Errorf("the config %q is not a regular file; name another one with --config", path)
		}
		return path, nil
	}
	return "", nil
}

// UserFile returns the path of the user's config: $XDG_CONFIG_HOME/p2ptool/config.toml,
// ~/.config/p2ptool/config.toml if that is unset, and %AppData%\p2ptool\config.toml on Windows.
func UserFile(getenv func(string) string) (string, error) {
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := getenv("HOME")
		dir = filepath.Join(home, ".config")
		if runtime.GOOS == "windows" {
			home = getenv("AppData")
			dir = home
		}
		if home == "" {
			return "", errors.New("cannot find a place for the config: HOME is not set; use --config FILE")
		}
	}
	return filepath.Join(dir, "p2ptool", "config.toml"), nil
}
