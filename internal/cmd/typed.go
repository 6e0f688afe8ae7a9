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

// readTerminal reads lines from the terminal until /quit, Ctrl-D or Ctrl-C.
func (co *conversation) readTerminal(ctx context.Context, cancel context.CancelCauseFunc) error {
	screen := co.p.env.Stdout
	if !terminal.IsTerminal(screen) {
		screen = co.p.env.Stderr
	}
	var editor *terminal.Editor
	release, err := co.p.out.openScreen(func() (_ terminalScreen, err error) {
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
	defer release()
	co.inbox.setAsk(editor.Ask)
	defer co.inbox.setAsk(nil)
	stop := make(chan struct{})
	defer close(stop)
	co.tasks.Go(func() {
		select {
		case <-editor.Interrupted():
			cancel(errInterrupted)
		case <-co.talk.ended:
			cancel(errLeft)
		case <-stop:
		}
	})
	co.p.out.note("talking with %s; /help lists the commands", co.target)
	for err == nil {
		var line string
		if line, err = editor.ReadLine(ctx); err == nil {
			err = co.submit(ctx, line)
		}
	}
	return co.inputEnded(ctx, err)
}

// submit runs a typed command or sends a typed line. A paste of several lines is always text.
func (co *conversation) submit(ctx context.Context, typed string) error {
	lines := strings.Split(typed, "\n")
	command, isCommand := strings.CutPrefix(typed, "/")
	switch {
	case len(lines) > 1:
	case isCommand && !strings.HasPrefix(command, "/"):
		return co.slashCommand(ctx, command)
	default:
		lines[0] = strings.TrimPrefix(typed, "/") // two slashes send one
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

// tooLong is the error for a line that exceeds the limit.
func tooLong(bytes int) error {
	return as(errUsage, fmt.Errorf("the line was not sent: it has %d bytes, the limit is %d", bytes, chat.MaxText))
}

// inputEnded returns the command's error for the error that ended the input.
func (co *conversation) inputEnded(ctx context.Context, err error) error {
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

// commands are the commands of a chat on a terminal.
var commands = []struct{ usage, does string }{
	{"/send PATH...", "send files and folders; quotes, \\ and ~ as in a shell"},
	{"/peers", "list who is online"},
	{"/path", "show the path to the peer, and why it is not direct"},
	{"/quit", "end the chat, like Ctrl-D"},
	{"/help", "list the commands"},
	{"//text", "send a line that begins with a slash"},
}

// commandWords returns the commands' names without the slash.
func commandWords() (words []string) {
	for _, c := range commands {
		if name, _, _ := strings.Cut(c.usage[1:], " "); name != "/text" {
			words = append(words, name)
		}
	}
	return words
}

// slashCommand runs a command of a chat; line is without the slash.
func (co *conversation) slashCommand(ctx context.Context, line string) error {
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
		return co.warn(co.n.listPeers(ctx))
	case "send":
		return co.sendPaths(ctx, argument)
	}
	err := usage("unknown command %q", "/"+name)
	if near, ok := config.Nearest(name, commandWords()); ok {
		err = hint(err, "did you mean %q? to send a line that begins with a slash, type two slashes", "/"+near)
	}
	return co.warn(hint(err, "/help lists the commands; to send a line that begins with a slash, type two slashes"))
}

// warn prints an error that does not end the chat, and returns nil.
func (co *conversation) warn(err error) error {
	if err != nil {
		co.p.complain(err)
	}
	return nil
}

// showPath prints the path to the peer, and why it is not direct.
func (co *conversation) showPath(ctx context.Context) {
	link := co.talk.link.Load()
	if link == nil {
		co.p.out.note("no link to %s right now", co.target)
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

// sendPaths sends files while the chat goes on.
func (co *conversation) sendPaths(ctx context.Context, argument string) error {
	paths, err := co.p.paths(argument)
	if err != nil {
		return co.warn(err)
	}
	co.tasks.Go(func() {
		switch err := co.sending(paths...).to(ctx, co.target); {
		case err != nil && ctx.Err() == nil:
			co.p.complain(err)
		case err != nil:
			co.unsent.Store(true)
		}
	})
	return nil
}

func (co *conversation) sending(paths ...string) *sending {
	return &sending{n: co.n, source: transfer.Source{Paths: paths}, wait: min(co.wait, time.Hour)}
}
