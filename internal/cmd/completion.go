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

// bashCompletion completes commands and flags, and files elsewhere.
func bashCompletion(app *cli.App) string {
	var cases strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&cases, "\t%s) words=%q ;;\n", c.Name, strings.Join(flagNames(c.Flags), " "))
	}
	return fmt.Sprintf(`_p2ptool() {
	local word=${COMP_WORDS[COMP_CWORD]} words
	if ((COMP_CWORD == 1)); then
		words=%q
	elif [[ $word != -* ]]; then
		return
	else
		case ${COMP_WORDS[1]} in
%s		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _p2ptool p2ptool
`, strings.Join(commandNames(app), " "), indent(cases.String()))
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
		cases.WriteString(" '*:file:_files' ;;\n")
	}
	return fmt.Sprintf(`#compdef p2ptool
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
`, commands.String(), cases.String())
}

func zshFlag(name string, f cli.Flag) string {
	usage := strings.NewReplacer("[", "(", "]", ")", ":", ",").Replace(usageOf(f))
	if takesValue(f) {
		return fmt.Sprintf("*%s=[%s]:value:_files", name, usage)
	}
	return fmt.Sprintf("%s[%s]", name, usage)
}

// fishCompletion writes a line for each command and flag.
func fishCompletion(app *cli.App) string {
	var b strings.Builder
	for _, c := range app.Commands {
		fmt.Fprintf(&b, "complete -c p2ptool -n __fish_use_subcommand -f -a %s -d %s\n", c.Name, single(c.Usage))
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
	if takesValue(f) {
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
