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
	// reconnectFor is how long a sender tries to reconnect after a link broke.
	reconnectFor = 30 * time.Second
)

func (p *program) sendCommand() *cli.Command {
	return &cli.Command{
		Name:      "send",
		Usage:     "send files and folders, or stdin, to peers",
		ArgsUsage: "PATH... --to WHO",
		Description: about("p2ptool send photo.jpg holiday/ --to bob\n"+
			"p2ptool send big.iso --to bob --wait 12h          # when bob comes online\n"+
			"tar c dir | p2ptool send - --name dir.tar --to bob",
			"Run the same command again to resume an interrupted transfer.\n"+whoHelp),
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "to", Usage: "send to `WHO`; repeat it to send to several peers at the same time"},
			&cli.StringFlag{Name: "name", Usage: "with - for stdin: send it as a file called `NAME`"},
			&cli.StringFlag{Name: "limit", Usage: "send at `RATE` at most, such as 10MB/s"},
		}, connectFlags()...),
		Action: p.send,
	}
}

func (p *program) send(c *cli.Context) error {
	if len(c.StringSlice("to")) == 0 {
		return hint(usage("send: --to is missing"), "name the receiver, a GUID or a contact: --to WHO")
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

// source returns what to send. It fails early if a path does not exist.
func (p *program) source(c *cli.Context) (transfer.Source, error) {
	if err := arguments(c, 1, -1); err != nil {
		return transfer.Source{}, err
	}
	paths, name := c.Args().Slice(), c.String("name")
	if slices.Contains(paths, "-") {
		return p.stdinSource(paths, name, len(c.StringSlice("to")))
	}
	if name != "" {
		return transfer.Source{}, usage("--name is only for stdin, \"-\"")
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
		return transfer.Source{}, usage("stdin, \"-\", cannot be sent together with other paths")
	case targets > 1:
		return transfer.Source{}, usage("stdin, \"-\", cannot be sent to several peers")
	case name == "":
		return transfer.Source{}, hint(usage("stdin needs a file name"), "use --name NAME")
	case name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return transfer.Source{}, usage("--name: %q is not a file name", name)
	}
	return transfer.Source{Reader: p.env.Stdin, Name: name}, nil
}

// checkPaths returns an error for each path that cannot be sent.
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
			errs = append(errs, hint(usage("%q is neither a file nor a folder", path), "to send the output of a pipe, use - with --name NAME"))
		}
	}
	return errors.Join(errs...)
}

// targets reads the config and resolves the receivers.
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

// A sending is what one command sends.
type sending struct {
	n      *node
	source transfer.Source
	limit  int64         // bytes per second; 0: none
	wait   time.Duration // for a peer to come online, and to come back
}

// toAll sends to all targets at the same time, and divides the limit among them. If only some fail, the
// error matches errPartial; if all fail, it matches the first target's error.
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

// allFailed joins the errors of all targets and matches the first.
type allFailed struct{ errs []error }

func (e *allFailed) Error() string { return errors.Join(e.errs...).Error() }
func (e *allFailed) Unwrap() error { return e.errs[0] }

// to sends to one target. If the link breaks it reconnects and resumes the transfer, with the
// same ID.
func (s *sending) to(ctx context.Context, t config.Target) error {
	var id [16]byte
	rand.Read(id[:])
	wait := s.wait
	for {
		link, err := s.n.reach(ctx, t, wait, kindFile)
		if err != nil {
			return err
		}
		err = s.attempt(ctx, link, t, id)
		if !s.resumes(ctx, err) {
			return s.explain(t, err)
		}
		s.n.p.out.note("transfer to %s was interrupted, trying to resume", t)
		wait = max(s.wait, reconnectFor)
	}
}

// attempt sends over one link.
func (s *sending) attempt(ctx context.Context, link *p2p.Link, t config.Target, id [16]byte) error {
	stream, err := link.OpenStream(kindFile)
	if err != nil {
		return &transfer.Error{Kind: transfer.ErrInterrupted, Resumable: true, Err: err}
	}
	stream.SetPriority(bulkPriority)
	defer s.n.p.activities.begin(link)()
	w := s.n.p.watch(sendingTo, t.String(), link)
	res, err := transfer.Send(ctx, stream, s.source, transfer.SendOptions{ID: id, Limit: s.limit, OnEvent: w.onEvent})
	w.end(res, err)
	if errors.Is(err, transfer.ErrInterrupted) && left(link) {
		err = &transfer.Error{Kind: transfer.ErrCanceled, Peer: true, Resumable: s.source.Reader == nil, Err: link.Err()}
	}
	return err
}

// left reports whether the other side has closed a link on purpose. Its last stream data may not
// have arrived.
func left(link *p2p.Link) bool {
	closed, ok := errors.AsType[*p2p.CloseError](link.Err())
	return ok && closed.Remote && closed.Code == p2p.CodeDone
}

// resumes reports whether to reconnect: after a broken link, and with --wait also when the
// receiver has ended.
func (s *sending) resumes(ctx context.Context, err error) bool {
	te, ok := errors.AsType[*transfer.Error](err)
	if !ok || !te.Resumable || ctx.Err() != nil {
		return false
	}
	return errors.Is(err, transfer.ErrInterrupted) || s.wait > 0 && errors.Is(err, transfer.ErrCanceled)
}

// explain adds the receiver to an error, and how to resume.
func (s *sending) explain(t config.Target, err error) error {
	if err == nil {
		return nil
	}
	te, ok := errors.AsType[*transfer.Error](err)
	err = fmt.Errorf("sending to %q: %w", t, err)
	if ok && te.Resumable {
		return hint(err, "run the same command again to resume")
	}
	return err
}
