package cmd

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
)

// defaultCommand runs when the command line names no command.
const defaultCommand = "run"

// arrange reorders a command line into the only order that the cli package accepts: the
// command, its flags, "--", its arguments. Flags may therefore stand anywhere: before the
// command, and before, between or after its arguments. After "--" everything is an
// argument; "-" always is. Without a command it inserts "run"; "help X" becomes "X --help".
func arrange(app *cli.App, args []string) ([]string, error) {
	a := arranger{app: app, rest: args[1:], flags: app.Flags}
	for len(a.rest) > 0 {
		if err := a.word(a.next()); err != nil {
			return nil, err
		}
	}
	line := []string{args[0]}
	switch {
	case a.command != nil:
		line = append(line, a.command.Name)
	case !a.helps():
		line = append(line, defaultCommand)
	}
	line = append(line, a.options...)
	if len(a.arguments) > 0 {
		line = append(append(line, "--"), a.arguments...)
	}
	return line, nil
}

// An arranger is the state of arrange: it has read the command line up to rest.
type arranger struct {
	app       *cli.App
	rest      []string
	command   *cli.Command // nil: none named yet
	flags     []cli.Flag   // those allowed here
	options   []string     // flags with their values
	arguments []string
}

func (a *arranger) next() string {
	word := a.rest[0]
	a.rest = a.rest[1:]
	return word
}

func (a *arranger) word(w string) error {
	switch {
	case w == "--":
		a.arguments = append(a.arguments, a.rest...)
		a.rest = nil
		return nil
	case len(w) > 1 && w[0] == '-':
		return a.flag(w)
	case a.command == nil:
		return a.name(w)
	}
	a.arguments = append(a.arguments, w)
	return nil
}

// name reads the command's name.
func (a *arranger) name(w string) error {
	if w == "help" {
		a.options = append(a.options, "--help")
		return nil
	}
	a.command = a.app.Command(w)
	if a.command == nil {
		return unknown("command", w, "", commandNames(a.app), a.help())
	}
	a.flags = a.command.Flags
	return nil
}

// helps reports whether the command line asks for help.
func (a *arranger) helps() bool {
	return slices.ContainsFunc(a.options, func(o string) bool { return o == "--help" || o == "-h" })
}

// flag reads a flag and its value, which may be the next word.
func (a *arranger) flag(w string) error {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(w[1:], "-"), "=")
	f := lookup(a.flags, name)
	switch {
	case f == nil && a.command == nil && name == "version":
		a.command = a.app.Command("version")
		a.flags = a.command.Flags
		return nil
	case f == nil && w[1] != '-' && len(name) > 1:
		return a.letters(w)
	case f == nil:
		return unknown("flag", dashed(name), a.of(), flagNames(a.flags), a.help())
	}
	a.options = append(a.options, w)
	if !hasValue && takesValue(f) {
		if len(a.rest) == 0 {
			return usage("flag %q needs a value", dashed(name))
		}
		// Joined, because a value may look like a flag.
		value = a.next()
		a.options[len(a.options)-1] = w + "=" + value
	}
	return checkValue(f, name, value)
}

// checkValue returns what is wrong with a flag's value.
func checkValue(f cli.Flag, name, value string) error {
	switch f.(type) {
	case *cli.DurationFlag:
		if _, err := time.ParseDuration(value); err != nil {
			return usage("%s: %q is not a duration such as 30s or 10m", dashed(name), value)
		}
	case *cli.IntFlag:
		if _, err := strconv.Atoi(value); err != nil {
			return usage("%s: %q is not a number", dashed(name), value)
		}
	}
	return nil
}

// letters reads one-letter flags written together. The last one may have its value in the
// same word: -yn3 is -y -n 3.
func (a *arranger) letters(w string) error {
	for i := 1; i < len(w); i++ {
		f := lookup(a.flags, w[i:i+1])
		if f == nil {
			return unknown("flag", w, a.of(), flagNames(a.flags), a.help())
		}
		if !takesValue(f) || i+1 == len(w) {
			if err := a.flag("-" + w[i:i+1]); err != nil {
				return err
			}
			continue
		}
		value := strings.TrimPrefix(w[i+1:], "=")
		a.options = append(a.options, "-"+w[i:i+1]+"="+value)
		return checkValue(f, w[i:i+1], value)
	}
	return nil
}

// of names the command whose flags are allowed here, for an error message.
func (a *arranger) of() string {
	if a.command == nil {
		return " before a command"
	}
	return " for " + a.command.Name
}

// help returns the command line that lists what is allowed here.
func (a *arranger) help() string {
	if a.command == nil {
		return "p2ptool --help"
	}
	return "p2ptool " + a.command.Name + " --help"
}

// unknown returns the error for an unknown command or flag.
func unknown(kind, what, where string, known []string, help string) error {
	err := usage("unknown %s %q%s", kind, what, where)
	if near, ok := config.Nearest(what, known); ok {
		return hint(err, "did you mean %q?", near)
	}
	return hint(err, "`%s` lists them", help)
}

func lookup(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// dashed returns a flag's name with its dashes.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		for _, n := range f.Names() {
			names = append(names, dashed(n))
		}
	}
	return names
}

func commandNames(app *cli.App) (names []string) {
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return names
}
