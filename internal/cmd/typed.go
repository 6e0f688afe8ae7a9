package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p/chat"
	"p2ptool/transfer"
)

// typed takes lines from the terminal until /quit, Ctrl-D or Ctrl-C.
func (co *conversation) typed(ctx context.Context, cancel context.CancelCauseFunc) error {
	screen := co.p.env.Stdout
	if !terminal.IsTerminal(screen) {
		screen = co.p.env.Stderr
	}
	var editor *terminal.Editor
	giveBack, err := co.p.out.take(func() (_ terminalScreen, err error) {
		editor, err = terminal.NewEditor(co.p.env.Stdin, screen, terminal.EditorOptions{
			Prompt:   "> ",
			Plain:    co.p.env.Getenv("TERM") == "dumb",
			Complete: co.p.complete,
		})
		return editor, err
	}, terminal.IsTerminal(co.p.env.Stdout))
	if err != nil {
		return err
	}
	defer giveBack()
	co.inbox.setAsk(editor.Ask)
	defer co.inbox.setAsk(nil)
	stop := make(chan struct{})
	defer close(stop)
	co.errands.Go(func() {
		select {
		case <-editor.Interrupted():
			cancel(errInterrupted)
		case <-co.talk.heard:
			cancel(errLeft)
		case <-stop:
		}
	})
	co.p.out.note("talking with %s; /help lists the commands", co.target)
	for err == nil {
		var line string
		if line, err = editor.ReadLine(ctx); err == nil {
			err = co.enter(ctx, line)
		}
	}
	return co.over(ctx, err)
}

// enter takes what was typed: a command, or a line to send. A paste of several lines is
// text, whatever is in it.
func (co *conversation) enter(ctx context.Context, typed string) error {
	lines := strings.Split(typed, "\n")
	command, isCommand := strings.CutPrefix(typed, "/")
	switch {
	case len(lines) > 1:
	case isCommand && !strings.HasPrefix(command, "/"):
		return co.command(ctx, command)
	default:
		lines[0] = strings.TrimPrefix(typed, "/") // of two slashes one is sent
	}
	for _, line := range lines {
		if len(line) > chat.MaxText {
			co.p.complain(hint(tooLong(len(line)), "send it in parts, or as a file"))
			continue
		}
		if err := co.talk.say(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// tooLong is the error for a line that is not sent.
func tooLong(bytes int) error {
	return as(errUsage, fmt.Errorf("the line was not sent: it has %d bytes, and a line is at most %d", bytes, chat.MaxText))
}

// over tells what the end of typing means.
func (co *conversation) over(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, terminal.ErrInterrupted):
		return errInterrupted
	case errors.Is(err, terminal.ErrHungUp):
		return errHungUp
	case context.Cause(ctx) == errLeft:
		co.p.out.note("%s has left the chat", co.target)
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed), errors.Is(err, errQuit):
		return nil
	}
	return co.ended(ctx, err)
}

// commands are those that can be typed on a terminal.
var commands = []struct{ usage, does string }{
	{"/send PATH...", "send files and folders; quotes, \\ and ~ as in a shell"},
	{"/peers", "list who is online"},
	{"/path", "show how packets travel"},
	{"/quit", "end the chat; so does Ctrl-D"},
	{"/help", "list the commands"},
	{"//text", "send a line that begins with a slash"},
}

// commandWords returns what stands behind the slash of each.
func commandWords() (words []string) {
	for _, c := range commands {
		if name, _, _ := strings.Cut(c.usage[1:], " "); name != "/text" {
			words = append(words, name)
		}
	}
	return words
}

// command does what stands behind a slash.
func (co *conversation) command(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.TrimSpace(argument)
	switch name {
	case "quit":
		return errQuit
	case "help":
		for _, c := range commands {
			co.p.out.note("%-14s %s", c.usage, c.does)
		}
		return nil
	case "path":
		co.showPath(ctx)
		return nil
	case "peers":
		return co.aside(co.n.listPeers(ctx))
	case "send":
		return co.sendPaths(ctx, argument)
	}
	err := usage("unknown command %q", "/"+name)
	if near, ok := config.Nearest(name, commandWords()); ok {
		err = hint(err, "did you mean %q? A line that begins with a slash is sent with two", "/"+near)
	}
	return co.aside(hint(err, "/help lists the commands; a line that begins with a slash is sent with two"))
}

// aside tells a person what went wrong, and goes on.
func (co *conversation) aside(err error) error {
	if err != nil {
		co.p.complain(err)
	}
	return nil
}

// showPath tells how packets travel, and why they do not directly.
func (co *conversation) showPath(ctx context.Context) {
	link := co.talk.link.Load()
	if link == nil {
		co.p.out.note("there is no link to %s now", co.target)
		return
	}
	path := link.Path()
	fields := co.p.fieldsOf(link.Peer(), path)
	line := describe(path)
	if fields.Why = whyNotDirect(ctx, link, path); fields.Why != "" && !isDirect(path.Kind) {
		line += ": " + fields.Why
	}
	co.p.out.payload("%s", line)
	co.p.out.event(pathEvent{fields})
}

// sendPaths sends files, beside the chat.
func (co *conversation) sendPaths(ctx context.Context, argument string) error {
	paths, err := co.p.paths(argument)
	if err != nil {
		return co.aside(err)
	}
	co.errands.Go(func() {
		switch err := co.sending(paths...).to(ctx, co.target); {
		case err != nil && ctx.Err() == nil:
			co.p.complain(err)
		case err != nil:
			co.cut.Store(true)
		}
	})
	return nil
}

func (co *conversation) sending(paths ...string) *sending {
	return &sending{n: co.n, source: transfer.Source{Paths: paths}, wait: min(co.wait, time.Hour)}
}
