package cmd

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"p2ptool/internal/config"
)

// paths parses the argument of /send: words as in a shell, with quotes, escaped characters
// and ~. If the whole text is the name of a file, it is that file, so that simple names with
// spaces need no quotes.
func (p *program) paths(argument string) ([]string, error) {
	if argument == "" {
		return nil, usage("/send: PATH is missing")
	}
	home := p.home()
	if whole := config.ExpandHome(argument, home); exists(whole) {
		return []string{whole}, checkPaths([]string{whole})
	}
	words, last := splitWords(argument)
	paths := make([]string, len(words))
	for i, w := range words {
		paths[i] = w.path(home)
	}
	err := checkPaths(paths)
	if last.quote != 0 {
		err = hint(err, `the quote %c is not closed; for the character itself, type \%c`, last.quote, last.quote)
	}
	return paths, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// home returns the user's home folder, or "" if it is unknown.
func (p *program) home() string { return config.Home(p.env.Getenv) }

// A word is a word of a line by a shell's rules.
type word struct {
	text   string
	from   int  // its offset in the line
	quote  byte // the quote that is open at the end of the line; 0: none
	quoted bool // its first character is quoted or escaped: ~ is not the home folder
}

// path returns the path that a word names.
func (w word) path(home string) string {
	if w.quoted {
		return w.text
	}
	return config.ExpandHome(w.text, home)
}

// escapes reports whether a backslash escapes the next character. On Windows it separates
// folders.
const escapes = runtime.GOOS != "windows"

// splitWords splits a line into words. Last is the word at the end of the line, empty after a
// space.
func splitWords(line string) (words []word, last word) {
	w, within := word{}, false
	begin := func(i int, quoted bool) {
		if !within {
			w, within = word{from: i, quoted: quoted}, true
		}
	}
	var text strings.Builder
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case w.quote != 0 && c == w.quote:
			w.quote = 0
		case w.quote == 0 && (c == '\'' || c == '"'):
			begin(i, true)
			w.quote = c
		case escapes && c == '\\' && w.quote != '\'' && i+1 < len(line):
			begin(i, true)
			if i++; w.quote == '"' && line[i] != '"' && line[i] != '\\' {
				text.WriteByte(c)
			}
			text.WriteByte(line[i])
		case w.quote == 0 && unicode.IsSpace(rune(c)):
			if within {
				w.text = text.String()
				words, within = append(words, w), false
				text.Reset()
			}
		default:
			begin(i, false)
			text.WriteByte(c)
		}
	}
	if !within {
		return words, word{from: len(line)}
	}
	w.text = text.String()
	return append(words, w), w
}

// complete completes commands and the paths of /send; see terminal.EditorOptions.
func (p *program) complete(before string) (from int, words []string) {
	if !strings.HasPrefix(before, "/") || strings.HasPrefix(before, "//") {
		return -1, nil
	}
	if argument, ok := strings.CutPrefix(before, "/send "); ok {
		_, last := splitWords(argument)
		return len("/send ") + last.from, p.completePath(last)
	}
	for _, name := range commandWords() {
		if strings.HasPrefix(name, before[1:]) {
			words = append(words, "/"+name+" ")
		}
	}
	return 0, words
}

// maxCompletions is how many paths are offered at most.
const maxCompletions = 100

// completePath returns the paths that begin with a word, quoted like it.
func (p *program) completePath(w word) (paths []string) {
	dir, name := filepath.Split(w.text)
	place := word{text: dir, quoted: w.quoted}.path(p.home())
	if place == "" {
		place = "."
	}
	entries, _ := os.ReadDir(place)
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(name, ".")
		if !strings.HasPrefix(e.Name(), name) || hidden || len(paths) == maxCompletions {
			continue
		}
		end := " "
		if fi, err := os.Stat(filepath.Join(place, e.Name())); err == nil && fi.IsDir() {
			end = string(filepath.Separator)
		}
		paths = append(paths, w.write(dir+e.Name(), end))
	}
	return paths
}

// write returns a path in the word's style: with its quotes, or with escapes.
func (w word) write(path, end string) string {
	if !w.quoted && strings.HasPrefix(path, "~") {
		w.quote = 0 // in quotes ~ would not be the home folder
	}
	if w.quote == 0 && w.quoted || !escapes && strings.ContainsAny(path, " '\"") {
		w.quote = '"'
	}
	if w.quote != 0 {
		if end == " " {
			end = string(w.quote) + end
		}
		return string(w.quote) + path + end
	}
	var b strings.Builder
	for i, r := range path {
		if escapes && strings.ContainsRune(" \t'\"\\", r) || i == 0 && r == '~' && w.quoted {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String() + end
}
