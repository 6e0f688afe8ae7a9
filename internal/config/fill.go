package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// Fill returns the text of an example with some of its keys given other texts
// as values; everything else, comments too, stays as it is. Keys are dotted, and each
// must stand in the example on a line of its own, as "key = ".
func Fill(example string, values map[string]string) (string, error) {
	lines := strings.SplitAfter(example, "\n")
	section, filled := "", 0
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") {
			section = strings.Trim(trimmed, "[]") + "."
		}
		name, rest, ok := strings.Cut(trimmed, " = ")
		value, wanted := values[section+name]
		if !ok || !wanted {
			continue
		}
		text, err := quote(value)
		if err != nil {
			return "", err
		}
		lines[i] = name + " = " + text + comment(rest) + "\n"
		filled++
	}
	if filled != len(values) {
		return "", errors.New("the example lacks a key to fill in")
	}
	return strings.Join(lines, ""), nil
}

// comment returns what stands behind a value without a "#" in it.
func comment(rest string) string {
	if i := strings.Index(rest, " #"); i >= 0 {
		return " " + strings.TrimLeft(rest[i:], " ")
	}
	return ""
}

// quote returns the text as a TOML string.
func quote(text string) (string, error) {
	b, err := toml.Marshal(map[string]string{"k": text})
	if err != nil {
		return "", fmt.Errorf("writing %q: %w", text, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(b)), "k = "), nil
}

// Write makes the file at path, readable by its owner alone, with the folders
// that lead there. An existing one is an error that wraps fs.ErrExist, unless
// replace: then the new one takes its place at once, or not at all.
func Write(path, text string, replace bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the config's folder: %w", err)
	}
	if !replace {
		return create(path, text)
	}
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing what an earlier run left: %w", err)
	}
	if err := create(temp, text); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("replacing the config: %w", err), os.Remove(temp))
	}
	return nil
}

// create writes a file that must not be there yet, and leaves none if it fails.
func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing the config: %w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing the config: %w", err), os.Remove(path))
	}
	return nil
}
