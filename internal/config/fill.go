package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// Fill returns the text of an example with new values for some of its keys. Everything else,
// including comments, stays as it is. Keys are dotted, and each must be in the example on a line
// of its own, as "key = ".
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
		return "", errors.New("the example has no such key")
	}
	return strings.Join(lines, ""), nil
}

// comment returns the comment after a value, which must not contain " #".
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
