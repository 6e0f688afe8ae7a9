package cmd

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a shell completion script",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: about("source <(p2ptool completion bash)                                        # in ~/.bashrc\n"+
			"source <(p2ptool completion zsh)                                         # in ~/.zshrc\n"+
			"p2ptool completion fish | source                                         # in ~/.config/fish/config.fish\n"+
			"p2ptool completion powershell | Out-String | Invoke-Expression           # in $PROFILE", ""),
		Action: p.completion,
	}
}

func (p *program) completion(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	write := map[string]func(*cli.App) string{
		"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion, "powershell": powershellCompletion,
	}[c.Args().First()]
	if write == nil {
		return usage("unknown shell %q, use bash, zsh, fish or powershell", c.Args().First())
	}
	p.out.payload("%s", strings.TrimSuffix(write(c.App), "\n"))
	return nil
}

// namesContact reports whether a command's first argument is a contact's name or a GUID.
func namesContact(c *cli.Command) bool {
	return strings.HasPrefix(strings.Trim(c.ArgsUsage, "["), "WHO")
}

// takesContact reports whether a flag's value is one.
func takesContact(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && strings.Contains(d.GetUsage(), "`WHO`")
}

// contactPlaces returns where contacts are completed: each command with the word before.
func contactPlaces(app *cli.App) (places [][2]string) {
	places = [][2]string{{"contacts", "rename"}, {"contacts", "remove"}}
	for _, c := range app.Commands {
		if namesContact(c) {
			places = append(places, [2]string{c.Name, c.Name})
		}
		for _, f := range c.Flags {
			if !takesContact(f) {
				continue
			}
			for _, name := range f.Names() {
				places = append(places, [2]string{c.Name, dashed(name)})
			}
		}
	}
	return places
}

// listContacts is the shell command that prints the contacts' names without spaces.
const listContacts = "p2ptool contacts 2>/dev/null | awk 'NF == 2 { print $1 }'"

// bashCompletion completes commands, flags and contacts, and files elsewhere. Contacts do not go through
// compgen -W, which would run a command substitution in a name.
func bashCompletion(app *cli.App) string {
	var cases strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&cases, "\t%s) words=%q ;;\n", c.Name, strings.Join(flagNames(c.Flags), " "))
	}
	var contacts []string
	for _, place := range contactPlaces(app) {
		contacts = append(contacts, place[0]+":"+place[1])
	}
	return fmt.Sprintf(`_p2ptool() {
	local word=${COMP_WORDS[COMP_CWORD]} words name
	if ((COMP_CWORD == 1)); then
		words=%q
	elif [[ $word != -* ]]; then
		case ${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD-1]} in
			%s)
				while read -r name; do
					[[ $name == "$word"* ]] && COMPREPLY+=("$(printf %%q "$name")")
				done < <(%s) ;;
		esac
		return
	else
		case ${COMP_WORDS[1]} in
%s		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _p2ptool p2ptool
`, strings.Join(commandNames(app), " "), strings.Join(contacts, "|"), listContacts, indent(cases.String()))
}

func indent(s string) string {
	return strings.ReplaceAll("\t"+s, "\n\t", "\n\t\t")
}

// zshCompletion also describes commands and flags.
func zshCompletion(app *cli.App) string {
	var commands, cases strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&commands, "\t\t%s\n", single(c.Name+":"+c.Usage))
		fmt.Fprintf(&cases, "\t%s) _arguments", c.Name)
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				fmt.Fprintf(&cases, " %s", single(zshFlag(dashed(name), f)))
			}
		}
		if namesContact(c) {
			cases.WriteString(" '1:peer:_p2ptool_contacts'")
		}
		cases.WriteString(" '*:file:_files' ;;\n")
	}
	return fmt.Sprintf(`#compdef p2ptool
_p2ptool_contacts() {
	local -a names=(${(f)"$(%s)"})
	compadd -a names
}
_p2ptool() {
	local -a commands=(
%s	)
	if ((CURRENT == 2)); then
		_describe command commands
		return
	fi
	local command=$words[2]
	shift words
	((CURRENT--))
	case $command in
%s	esac
}
compdef _p2ptool p2ptool
`, listContacts, commands.String(), cases.String())
}

func zshFlag(name string, f cli.Flag) string {
	usage := strings.NewReplacer("[", "(", "]", ")", ":", ",").Replace(usageOf(f))
	switch {
	case takesContact(f):
		return fmt.Sprintf("*%s=[%s]:peer:_p2ptool_contacts", name, usage)
	case takesValue(f):
		return fmt.Sprintf("*%s=[%s]:value:_files", name, usage)
	}
	return fmt.Sprintf("%s[%s]", name, usage)
}

// fishContacts is the fish command that prints the contacts' names.
const fishContacts = `'(p2ptool contacts 2>/dev/null | string replace -rf "^(\S+)\s+\S+\$" "\$1")'`

// fishCompletion writes a line for each command and flag.
func fishCompletion(app *cli.App) string {
	var b strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&b, "complete -c p2ptool -n __fish_use_subcommand -f -a %s -d %s\n", c.Name, single(c.Usage))
		if namesContact(c) {
			fmt.Fprintf(&b, "complete -c p2ptool -n '__fish_seen_subcommand_from %s' -f -a %s\n", c.Name, fishContacts)
		}
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				b.WriteString(fishFlag(c.Name, name, f))
			}
		}
	}
	return b.String()
}

func fishFlag(command, name string, f cli.Flag) string {
	kind, value := "-l", ""
	if len(name) == 1 {
		kind = "-s"
	}
	switch {
	case takesContact(f):
		value = " -x -a " + fishContacts
	case takesValue(f):
		value = " -r"
	}
	return fmt.Sprintf("complete -c p2ptool -n '__fish_seen_subcommand_from %s' %s %s%s -d %s\n",
		command, kind, name, value, single(usageOf(f)))
}

// usageOf returns a flag's description without backquotes.
func usageOf(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	return strings.ReplaceAll(d.GetUsage(), "`", "")
}

// single quotes a word for a shell.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
