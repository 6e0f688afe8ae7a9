package cmd

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// whoHelp explains WHO where a command takes one.
const whoHelp = "WHO is a GUID, a contact's name, or GUID@HOST:PORT to reach a peer without a server."

// about writes a command's description: examples first, then a text, which may be
// empty.
func about(examples, text string) string {
	s := "Examples:\n" + indented(examples)
	if text != "" {
		s += "\n" + text + "\n"
	}
	return s
}

func indented(lines string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n  ") + "\n"
}

// commandHelp writes the help of one command: what it does, how it is used, examples
// and flags.
func commandHelp(c *cli.Command) string {
	return fmt.Sprintf("p2ptool %s: %s\n\nUsage:\n%s\n%s\nFlags:\n%s",
		c.Name, c.Usage, indented(c.UsageText), c.Description, flagsHelp(c.Flags))
}

// appHelp writes the help of the program. Commands of one category stand together.
func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n%s\n%s\n", app.Name, app.Usage, indented(app.UsageText), app.Description)
	category := ""
	for _, c := range app.Commands {
		if c.Category != category {
			category = c.Category
			fmt.Fprintf(&b, "%s:\n", category)
		}
		fmt.Fprintf(&b, "  %-13s  %s\n", c.Name, c.Usage)
	}
	fmt.Fprintf(&b, "\nFlags:\n%s\n`p2ptool COMMAND --help` shows a command's examples and flags.\n", flagsHelp(app.Flags))
	return b.String()
}

// flagsHelp writes a line for each flag: its names, its value and what it does.
func flagsHelp(flags []cli.Flag) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		names := ""
		for i, name := range f.Names() {
			if i > 0 {
				names += ", "
			}
			names += dashed(name)
		}
		if value := valueOf(d); value != "" {
			names += " " + value
		}
		fmt.Fprintf(w, "  %s\t%s%s\n", names, usageOf(f), defaultOf(d))
	}
	w.Flush()
	return b.String()
}

// valueOf returns the word for a flag's value, which its description has in backquotes.
func valueOf(d cli.DocGenerationFlag) string {
	if !d.TakesValue() {
		return ""
	}
	if _, rest, ok := strings.Cut(d.GetUsage(), "`"); ok {
		value, _, _ := strings.Cut(rest, "`")
		return value
	}
	return "VALUE"
}

// defaultOf writes a flag's default, unless that is no value.
func defaultOf(d cli.DocGenerationFlag) string {
	switch v := d.GetDefaultText(); {
	case !d.TakesValue(), v == "", v == "0s":
		return ""
	default:
		return fmt.Sprintf(" (default %s)", strings.Trim(v, `"`))
	}
}
