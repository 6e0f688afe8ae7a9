package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile is the most bytes a config may have.
const maxFile = 1 << 20

// Load reads the file at path; home is what ~ stands for in it, see Home. An error is of type
// Problems if the file is there but will not do, else it tells why it cannot be read.
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

// readFile returns the text of a file, and whether others may read or write it.
func readFile(path string) (text string, exposed bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	if exposed, err = isExposed(f); err != nil {
		return "", false, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: longer than %d bytes", path, maxFile)
	}
	return string(b), exposed, err
}

// Find returns the path of the config to use: flag if not empty, else
// $P2PTOOL_CONFIG, else FileName in the working folder, else UserFile. The last two
// count only if there is something; without anything the path is empty. What is there, but is no
// file, is an error: nobody asked to read from it, and that could wait for ever.
func Find(flag string, getenv func(string) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if path := getenv("P2PTOOL_CONFIG"); path != "" {
		return path, nil
	}
	user, err := UserFile(getenv)
	if err != nil {
		user = "" // without a home there is no such file
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

// UserFile returns where the user's config belongs:
// $XDG_CONFIG_HOME/p2ptool/config.toml, with ~/.config where that is unset, and
// on Windows %AppData%.
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
			return "", errors.New("HOME is not set, so there is no place for a config; give --config FILE")
		}
	}
	return filepath.Join(dir, "p2ptool", "config.toml"), nil
}
