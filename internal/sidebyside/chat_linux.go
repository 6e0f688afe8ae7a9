package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	chatEvery = 100 * time.Millisecond
	chatWait  = "20s" // until both users are in the chat
)

var delivered = regexp.MustCompile(`"event":"delivered"`)

// sendInChat has two users chat while one sends a file over the same link. It measures the
// receiver's lines: the confirmations of their delivery share the queue with the file.
func (b p2p) sendInChat(ctx context.Context, t *turn) (o outcome, err error) {
	within, cancel := t.ready(ctx)
	defer cancel()
	ann, bob, err := b.users(within, t)
	if err != nil {
		return o, err
	}
	if err := t.acceptAll("bob"); err != nil {
		return o, err
	}
	receiver, lines, err := b.chat(t, t.stage.receiver, "bob", ann)
	if err != nil {
		return o, err
	}
	if _, err := receiver.await(within, registered); err != nil {
		return o, err
	}
	steps := filepath.Join(t.home("ann"), "steps.toml")
	if err := os.WriteFile(steps, fmt.Appendf(nil, "[[script]]\nexpect = \"^go$\"\ntimeout = \"1h\"\n[[script]]\nsend = %q\n", t.load.path), 0o600); err != nil {
		return o, err
	}
	sender, end, err := b.chat(t, t.stage.sender, "ann", bob, "--script", steps)
	if err == nil {
		err = end.Close() // it leaves the chat after its steps
	}
	if err != nil {
		return o, err
	}
	for _, p := range []*program{sender, receiver} {
		if _, err := p.await(within, connected); err != nil {
			return o, err
		}
	}
	if err := receiver.say(within, lines, "are you there?"); err != nil { // until the chat is connected
		return o, err
	}
	var trips []time.Duration
	o, err = t.transfer(ctx, func() (*program, error) {
		limit, cancel := context.WithTimeout(ctx, t.limit)
		defer cancel()
		err := receiver.say(limit, lines, "go")
		trips = converse(limit, receiver, lines, sender.done)
		return sender, err
	})
	if err != nil {
		return o, err
	}
	t.leave()
	o.chat, o.sender, o.receiver = trips, sender.used(), receiver.used()
	return o, nil
}

// chat starts a user's chat, with a pipe for its lines.
func (b p2p) chat(t *turn, on machine, name, with string, flags ...string) (*program, io.WriteCloser, error) {
	cmd := exec.Command(b.binary, append([]string{"chat", with, "--wait", chatWait, "--json"}, flags...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	p, err := t.startCmd(on, home(t, name), cmd)
	return p, stdin, err
}

// acceptAll changes a user's config so that files from any peer are accepted.
func (t *turn) acceptAll(name string) error {
	path := filepath.Join(t.home(name), "p2ptool", "config.toml")
	config, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(config), `accept = "ask"`, `accept = "all"`, 1)
	changed = strings.Replace(changed, `dir = "."`, fmt.Sprintf("dir = %q", t.into), 1)
	return os.WriteFile(path, []byte(changed), 0o600)
}

// converse sends chat lines one after the other until the other side is done, and returns how
// long each took until its delivery was confirmed.
func converse(ctx context.Context, p *program, lines io.Writer, done <-chan struct{}) (trips []time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a participant that has left reports no delivery
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(chatEvery)
	defer tick.Stop()
	for {
		begin := time.Now()
		if p.say(ctx, lines, "are you there?") != nil {
			return trips // it or the other side has left the chat
		}
		trips = append(trips, time.Since(begin))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return trips
		}
	}
}

// say sends a chat line and waits for its delivery.
func (p *program) say(ctx context.Context, lines io.Writer, text string) error {
	said, _ := p.said(0)
	count := len(delivered.FindAllString(said, -1)) + 1
	if _, err := fmt.Fprintln(lines, text); err != nil {
		return p.failure(err)
	}
	for {
		said, grown := p.said(0)
		if len(delivered.FindAllString(said, count)) >= count {
			return nil
		}
		select {
		case <-grown:
		case <-p.done:
			return p.failure(errors.New("has left the chat"))
		case <-ctx.Done():
			return p.failure(ctx.Err())
		}
	}
}
