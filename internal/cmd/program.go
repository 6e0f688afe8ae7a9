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

// A program is what the commands share: the process's environment and the
// printer.
type program struct {
	env      Env
	out      *printer
	loaded   atomic.Pointer[config.Config]
	announce sync.Once   // says which config is used
	service  atomic.Bool // the command runs until it is stopped: SIGTERM is no failure

	activities activities
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
		Usage:                     "chat and transfer files between peers that know each other by GUID",
		UsageText:                 "p2ptool COMMAND [FLAGS] [ARGUMENTS]",
		Version:                   version(),
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Reader:                    p.env.Stdin,
		Writer:                    p.env.Stdout,
		ErrWriter:                 p.env.Stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // Main reports
		Flags:                     p.everywhere(),
		Commands: []*cli.Command{
			p.initCommand(), p.idCommand(), p.checkCommand(),
			p.serveCommand(), p.runCommand(), p.peersCommand(), p.chatCommand(), p.sendCommand(), p.receiveCommand(),
			p.pingCommand(), p.doctorCommand(), p.benchCommand(), p.netcheckCommand(), p.demoCommand(), p.forgetServerCommand(),
			p.completionCommand(), p.versionCommand(),
		},
	}
	for _, c := range app.Commands {
		c.HideHelpCommand = true
		c.UsageText = strings.TrimSpace("p2ptool " + c.Name + " [FLAGS] " + c.ArgsUsage)
		c.Flags = append(c.Flags, p.everywhere()...)
		c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return as(errUsage, err) }
	}
	app.Setup()
	if help := cli.HelpFlag; help != nil { // tests that run several commands have none
		for _, c := range app.Commands {
			c.Flags = append(c.Flags, help)
		}
	}
	return app
}

// everywhere returns the flags that every command has. They are made anew for
// each, since the cli package keeps state in them.
func (p *program) everywhere() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read the config from `FILE`", TakesFile: true},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON object a line on stdout"},
	}
}

// arguments checks how many arguments a command has been given; most < 0: any
// number.
func arguments(c *cli.Context, least, most int) error {
	n := c.NArg()
	switch {
	case n < least:
		return hint(usage("%s: %s is missing", c.Command.Name, c.Command.ArgsUsage),
			"`p2ptool %s --help` shows how to use it", c.Command.Name)
	case most >= 0 && n > most:
		return usage("%s: unexpected argument %q", c.Command.Name, c.Args().Get(most))
	}
	return nil
}

// config reads the config, or gives the defaults if there is none.
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

// identity reads a config that has to have a key.
func (p *program) identity(c *cli.Context) (*config.Config, error) {
	cfg, err := p.config(c)
	switch {
	case err != nil:
		return nil, err
	case cfg.HasKey():
		return cfg, nil
	case cfg.File() == "":
		return nil, hint(usage("no config was found"), "`p2ptool init` writes one with a new key")
	}
	return nil, hint(usage("%s: there is no secret_key", cfg.File()), "add one, or secret_key_file; `p2ptool init --config FILE` makes a new key in another file")
}

// fail prints why a command ended, and returns the status to exit with.
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

// complain prints an error with what can be done about it, and returns its
// code.
func (p *program) complain(err error) code {
	code, todo := codeOf(err), hintOf(err)
	if todo == "" && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
		todo = "raise the limit of open files: ulimit -n 1024"
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

// split takes errors apart that are several, to print each on its line.
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
