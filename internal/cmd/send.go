package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

const (
	// bulkPriority lets chat lines overtake files.
	bulkPriority = 10
	// reconnectFor is how long a sender tries to get a broken link back.
	reconnectFor = 30 * time.Second
)

func (p *program) sendCommand() *cli.Command {
	return &cli.Command{
		Name:      "send",
		Usage:     "send files and folders, or stdin, to peers",
		ArgsUsage: "PATH... --to WHO",
		Flags: append(connectFlags(),
			&cli.StringSliceFlag{Name: "to", Usage: "send to `WHO`: a GUID, a contact, or GUID@HOST:PORT; may repeat"},
			&cli.StringFlag{Name: "name", Usage: "call what is read from stdin (-) `NAME`"},
			&cli.StringFlag{Name: "limit", Usage: "send at most at `RATE`, such as 10MB/s"}),
		Action: p.send,
	}
}

func (p *program) send(c *cli.Context) error {
	if len(c.StringSlice("to")) == 0 {
		return hint(usage("send: --to is missing"), "give a GUID or a contact: --to WHO")
	}
	source, err := p.source(c)
	if err != nil {
		return err
	}
	limit, err := config.ParseRate(orZero(c.String("limit")))
	if err != nil {
		return usage("--limit: %w", err)
	}
	cfg, targets, err := p.targets(c)
	if err != nil {
		return err
	}
	r, err := p.role(c)
	if err != nil {
		return err
	}
	r.calling = true
	n, err := p.start(cfg, r)
	if err != nil {
		return err
	}
	defer n.Close()
	s := &sending{n: n, source: source, limit: int64(limit), wait: c.Duration("wait")}
	return s.toAll(c.Context, targets)
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// source finds out what to send. What is not there is an error before anything
// else happens.
func (p *program) source(c *cli.Context) (transfer.Source, error) {
	if err := arguments(c, 1, -1); err != nil {
		return transfer.Source{}, err
	}
	paths, name := c.Args().Slice(), c.String("name")
	if slices.Contains(paths, "-") {
		return p.stdinSource(paths, name, len(c.StringSlice("to")))
	}
	if name != "" {
		return transfer.Source{}, usage("--name is for stdin, \"-\", only")
	}
	paths, err := expandWildcards(paths)
	if err != nil {
		return transfer.Source{}, err
	}
	src := transfer.Source{Paths: paths}
	if err := checkPaths(paths); err != nil {
		return src, err
	}
	if err := transfer.CheckSource(src); errors.Is(err, fs.ErrPermission) {
		return src, err
	} else if err != nil {
		return src, as(errUsage, err)
	}
	return src, nil
}

func (p *program) stdinSource(paths []string, name string, targets int) (transfer.Source, error) {
	switch {
	case len(paths) > 1:
		return transfer.Source{}, usage("\"-\", stdin, can only be sent alone")
	case targets > 1:
		return transfer.Source{}, usage("\"-\", stdin, can only be sent to one peer")
	case name == "":
		return transfer.Source{}, hint(usage("stdin has no name"), "give it one with --name NAME")
	case name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return transfer.Source{}, usage("--name: %q is not the name of a file", name)
	}
	return transfer.Source{Reader: p.env.Stdin, Name: name}, nil
}

// checkPaths tells which of the paths cannot be sent.
func checkPaths(paths []string) error {
	var errs []error
	for _, path := range paths {
		fi, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, usage("%q does not exist", path))
		case err != nil:
			errs = append(errs, err)
		case !fi.Mode().IsRegular() && !fi.IsDir():
			errs = append(errs, hint(usage("%q is neither a file nor a folder", path), "what comes from a pipe is sent with - and --name NAME"))
		}
	}
	return errors.Join(errs...)
}

// targets reads the config and finds out to whom to send.
func (p *program) targets(c *cli.Context) (*config.Config, []config.Target, error) {
	whos := c.StringSlice("to")
	cfg, err := p.online(c)
	if err != nil {
		return nil, nil, err
	}
	var targets []config.Target
	for _, who := range whos {
		t, err := target(cfg, who)
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, t)
	}
	return cfg, targets, nil
}

// A sending is what one command sends, to whomever.
type sending struct {
	n      *node
	source transfer.Source
	limit  int64         // bytes a second; 0: none
	wait   time.Duration // for a peer to come, and to come back
}

// toAll sends to all targets at the same time, and shares the limit among them. Some that failed among others that did
// not are an error of the kind errPartial; where all failed, it is of the first one's kind.
func (s *sending) toAll(ctx context.Context, targets []config.Target) error {
	if s.limit > 0 {
		s.limit = max(1, s.limit/int64(len(targets)))
	}
	results := make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { results[i] = s.to(ctx, t) })
	}
	wg.Wait()
	errs := slices.DeleteFunc(results, func(err error) bool { return err == nil })
	switch {
	case len(errs) == 0:
		return nil
	case len(targets) == 1 || ctx.Err() != nil:
		return errs[0]
	case len(errs) == len(targets):
		return &allFailed{errs}
	}
	return as(errPartial, errors.New(errors.Join(errs...).Error()))
}

// allFailed are the errors of all targets. It is of the kind of the first.
type allFailed struct{ errs []error }

func (e *allFailed) Error() string { return errors.Join(e.errs...).Error() }
func (e *allFailed) Unwrap() error { return e.errs[0] }

// to sends to one target. A link that breaks is made anew, and the transfer
// goes on where it was, with the same ID.
func (s *sending) to(ctx context.Context, t config.Target) error {
	var id [16]byte
	rand.Read(id[:])
	wait := s.wait
	for {
		link, err := s.n.reach(ctx, t, wait, kindFile)
		if err != nil {
			return err
		}
		err = s.over(ctx, link, t, id)
		if !s.resumes(ctx, err) {
			return s.explain(t, err)
		}
		s.n.p.out.note("transfer to %s was interrupted, trying to go on", t)
		wait = max(s.wait, reconnectFor)
	}
}

// over sends over one link.
func (s *sending) over(ctx context.Context, link *p2p.Link, t config.Target, id [16]byte) error {
	stream, err := link.OpenStream(kindFile)
	if err != nil {
		return &transfer.Error{Kind: transfer.ErrInterrupted, Resumable: true, Err: err}
	}
	stream.SetPriority(bulkPriority)
	defer s.n.p.activities.begin(link)()
	w := s.n.p.watch(sendingTo, t.String(), link)
	res, err := transfer.Send(ctx, stream, s.source, transfer.SendOptions{ID: id, Limit: s.limit, OnEvent: w.tell})
	w.end(res, err)
	if errors.Is(err, transfer.ErrInterrupted) && left(link) {
		err = &transfer.Error{Kind: transfer.ErrCanceled, Peer: true, Resumable: s.source.Reader == nil, Err: link.Err()}
	}
	return err
}

// left reports whether the other side has closed a link on purpose. Of what it
// said before that on streams some may be lost.
func left(link *p2p.Link) bool {
	closed, ok := errors.AsType[*p2p.CloseError](link.Err())
	return ok && closed.Remote && closed.Code == p2p.CodeDone
}

// resumes reports whether it is worth to connect again: when the link broke, and when
// the receiver went away while we were told to wait.
func (s *sending) resumes(ctx context.Context, err error) bool {
	te, ok := errors.AsType[*transfer.Error](err)
	if !ok || !te.Resumable || ctx.Err() != nil {
		return false
	}
	return errors.Is(err, transfer.ErrInterrupted) || s.wait > 0 && errors.Is(err, transfer.ErrCanceled)
}

// explain says whose transfer failed, and how to go on.
func (s *sending) explain(t config.Target, err error) error {
	if err == nil {
		return nil
	}
	te, ok := errors.AsType[*transfer.Error](err)
	err = fmt.Errorf("sending to %q: %w", t, err)
	if ok && te.Resumable {
		return hint(err, "run the same command again to go on where it stopped")
	}
	return err
}
