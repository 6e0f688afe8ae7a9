package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A comparison plays scenarios with tools.
type comparison struct {
	options
	dir    string
	tools  []tool
	log    io.Writer
	tables []table
	failed error // of p2ptool; the later turns were still played
}

// patient is the factor by which the time limit is longer on loopback than on a path.
const patient = 10

// settle is how long the other flow runs alone first, to find its rate.
const settle = 3 * time.Second

// play plays a scenario, and writes its table.
func (c *comparison) play(ctx context.Context, s scenario, w io.Writer) error {
	l, err := c.load(s)
	if err != nil {
		return err
	}
	defer os.RemoveAll(l.path)
	chosen := slices.DeleteFunc(slices.Clone(c.tools), func(t tool) bool { return !slices.Contains(s.tools, t.name) })
	results := make([]result, len(chosen))
	for i, t := range chosen {
		results[i].tool = t.name
	}
	for run := range c.runs {
		for i, t := range chosen {
			o, err := c.turn(ctx, s, t, l, run+1)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.As(err, new(impossible)) {
				fmt.Fprintf(c.log, "%s is left out: %v\n", s.name, err)
				return nil
			}
			results[i].add(o, err)
			if err != nil {
				err = fmt.Errorf("%s: %s: %w", s.name, t.name, err)
				fmt.Fprintln(c.log, err)
				if t.own {
					c.failed = errors.New("p2ptool failed: see above")
				}
				continue
			}
			fmt.Fprintf(c.log, "%s, run %d: %s: %d bytes in %v\n", s.name, run+1, t.name, o.bytes, o.took.Round(time.Millisecond))
		}
	}
	t := table{s, results}
	t.write(w)
	c.tables = append(c.tables, t)
	return nil
}

// load creates the files that are sent.
func (c *comparison) load(s scenario) (load, error) {
	l := load{path: filepath.Join(c.dir, "sent"), bytes: s.bytes, files: s.files}
	if s.files > 0 {
		return l, makeFolder(l.path, s.files)
	}
	return l, makeFile(l.path, s.bytes, 1)
}

// turn has a tool send the load on its own new stage.
func (c *comparison) turn(ctx context.Context, s scenario, with tool, l load, run int) (o outcome, err error) {
	t := &turn{load: l, limit: patient * c.limit}
	if t.dir, err = os.MkdirTemp(c.dir, "turn-"); err != nil {
		return o, err
	}
	defer os.RemoveAll(t.dir)
	t.into = t.home("arrived")
	if err := os.Mkdir(t.into, 0o755); err != nil {
		return o, err
	}
	t.stage = loopback()
	if s.way != nil {
		t.limit = c.limit
		if t.stage, err = emulate(*s.way); err != nil {
			return o, err
		}
	}
	defer t.stage.close()
	if t.beside, err = c.beside(ctx, s, t.stage); err != nil {
		return o, err
	}
	defer t.beside.close()
	defer func() {
		t.leave()
		err = errors.Join(err, t.keepLogs(c.logs, fmt.Sprintf("%s-%d-%s", s.name, run, with.name)))
	}()
	if o, err = with.play(ctx, t); err != nil {
		return o, err
	}
	if with.whole && !o.cut {
		return o, l.verify(t.into)
	}
	return o, nil
}

// beside starts what runs at the same time as the transfer.
func (c *comparison) beside(ctx context.Context, s scenario, on *stage) (b beside, err error) {
	if !on.emulated {
		return b, nil
	}
	if b.probe, err = startProbe(on.neighbour, on.receiver); err != nil || s.beside == "" {
		return b, err
	}
	if b.flow, err = startFlow(on.neighbour, on.receiver, s.beside); err != nil {
		b.close()
		return beside{}, impossible{err}
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	return b, nil
}
