package cmd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
)

// A program is what all commands share: the process's environment and the
// printer.
type program struct {
	env      Env
	out      *printer
	loaded   atomic.Pointer[config.Config]
	announce sync.Once   // prints which config is used
	service  atomic.Bool // the command runs until it is stopped: SIGTERM is not a failure

	activities activities
	failures   messageLimit
	offers     messageLimit
}

func newProgram(env Env) *program {
	words := env.Args[1:]
	if i := slices.Index(words, "--"); i >= 0 {
		words = words[:i]
	}
	return &program{env: env, out: &printer{
		out: env.Stdout,
		err: env.Stderr,
		tty: terminal.IsTerminal(env.Stdout),

		errElsewhere: !terminal.IsTerminal(env.Stderr),
		json:         slices.Contains(words, "--json") || slices.Contains(words, "-json"),
		now:          time.Now,
	}}
}

// app lists the commands.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name:                      "p2ptool",
		HelpName:                  "p2ptool",
		Usage:                     "chat and send files between two machines, directly and encrypted",
		UsageText:                 "p2ptool COMMAND [FLAGS] [ARGUMENTS]",
		Description:               appExamples,
		Version:                   version(),
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Reader:                    p.env.Stdin,
		Writer:                    p.env.Stdout,
		ErrWriter:                 p.env.Stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // Main reports
		Flags:                     p.everywhere(),
		Commands:                  p.commands(),
	}
	for _, c := range app.Commands {
		c.HideHelpCommand = true
		c.UsageText = strings.TrimSpace("p2ptool " + c.Name + " [FLAGS] " + c.ArgsUsage)
		c.Flags = append(c.Flags, p.everywhere()...)
		c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return as(errUsage, err) }
	}
	app.Setup()
	if help := cli.HelpFlag; help != nil { // nil in tests that run several commands
		for _, c := range app.Commands {
			c.Flags = append(c.Flags, help)
		}
	}
	for _, c := range app.Commands {
		c.CustomHelpTemplate = commandHelp(c)
	}
	app.CustomAppHelpTemplate = appHelp(app)
	return app
}

const appExamples = `Examples:
  p2ptool init --server rendezvous.example.org --name ann    # once on each machine, prints a GUID
  p2ptool receive                                            # on bob's machine
  p2ptool send photo.jpg --to GUID                           # on ann's machine, with bob's GUID
`

// commands lists the commands in the order of the help.
func (p *program) commands() (all []*cli.Command) {
	for _, group := range []struct {
		name     string
		commands []*cli.Command
	}{
		{"Set up", []*cli.Command{p.initCommand(), p.idCommand(), p.contactsCommand(), p.checkCommand()}},
		{"Chat and send files", []*cli.Command{p.chatCommand(), p.sendCommand(), p.receiveCommand(), p.runCommand(), p.peersCommand()}},
		{"Examine the network", []*cli.Command{p.pingCommand(), p.doctorCommand(), p.benchCommand(), p.netcheckCommand()}},
		{"Run a server", []*cli.Command{p.serveCommand(), p.forgetServerCommand()}},
		{"Other", []*cli.Command{p.demoCommand(), p.completionCommand(), p.versionCommand()}},
	} {
		for _, c := range group.commands {
			c.Category = group.name
		}
		all = append(all, group.commands...)
	}
	return all
}

// everywhere returns the flags that every command has. Each command needs its own, since
// the cli package keeps state in them.
func (p *program) everywhere() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read the config from `FILE`", TakesFile: true},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON object per line on stdout"},
	}
}

// arguments checks the number of arguments of a command. With most < 0 there is no upper
// limit.
func arguments(c *cli.Context, least, most int) error {
	n := c.NArg()
	switch {
	case n < least:
		return hint(usage("%s: %s is missing", c.Command.Name, c.Command.ArgsUsage),
			"`p2ptool %s --help` shows examples", c.Command.Name)
	case most >= 0 && n > most:
		return usage("%s: unexpected argument %q", c.Command.Name, c.Args().Get(most))
	}
	return nil
}

// config reads the config. Without one it returns the defaults.
func (p *program) config(c *cli.Context) (*config.Config, error) {
	path, err := config.Find(c.String("config"), p.env.Getenv)
	if err != nil {
		return nil, as(errUsage, err)
	}
	if path == "" {
		return config.Default(), nil
	}
	if c.String("config") == "" && path == config.FileName {
		p.announce.Do(func() { p.out.note("using ./%s", path) })
	}
	cfg, err := config.Load(path, p.home())
	if _, ok := errors.AsType[config.Problems](err); !ok && err != nil {
		return nil, as(errUsage, err)
	}
	p.loaded.Store(cfg)
	return cfg, err
}

// identity reads a config that must have a key.
func (p *program) identity(c *cli.Context) (*config.Config, error) {
	cfg, err := p.config(c)
	if err != nil {
		return nil, err
	}
	return cfg, hasKey(cfg)
}

// hasKey returns an error if the config has no key.
func hasKey(cfg *config.Config) error {
	switch {
	case cfg.HasKey():
		return nil
	case cfg.File() == "":
		return hint(usage("no config found"), "`p2ptool init` writes one with a new key")
	}
	return hint(usage("%s: no secret_key", cfg.File()), "add secret_key or secret_key_file; `p2ptool init --config FILE` writes a new key to another file")
}

// fail prints why a command ended and returns the exit status.
func (p *program) fail(ctx context.Context, err error) int {
	if err == nil {
		return statusDone
	}
	if signal, ok := context.Cause(ctx).(cause); ok && ctx.Err() != nil {
		err = hint(as(signal, signal), "%s", hintOf(err))
		if status := p.statusOf(signal); status == statusDone {
			p.out.note("%s", strings.TrimSuffix("p2ptool: terminated; "+hintOf(err), "; "))
			return status
		}
	}
	return p.complain(err).status
}

// complain prints an error and its hint, and returns its code.
func (p *program) complain(err error) code {
	code, todo := codeOf(err), hintOf(err)
	if todo == "" && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
		todo = "raise the limit on open files: ulimit -n 1024"
	}
	for _, e := range split(err) {
		message := terminal.Visible(e.Error())
		p.out.note("p2ptool: %s", message)
		p.out.event(errorEvent{code.name, message, todo})
	}
	if todo != "" {
		p.out.note("p2ptool: %s", todo)
	}
	return code
}

// split returns the single errors of a joined error, to print each on a line of its own.
func split(err error) []error {
	if ps, ok := errors.AsType[config.Problems](err); ok {
		errs := make([]error, len(ps))
		for i, p := range ps {
			errs[i] = p
		}
		return errs
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") { // errors.Join's
		errs = append(errs, errors.New(line))
	}
	return errs
}
