package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the settings of the command line.
type options struct {
	runs      int
	size      size // of the file on loopback
	pathSize  size // of the file on other paths; 0: what the scenario says
	files     int
	limit     time.Duration
	scenarios string
	tools     string
	dir       string
	logs      string // the folder for the output of programs
	before    string // another build of p2ptool to compare with; empty: none
	list      bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sidebyside:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 1 << 30}
	f := flag.NewFlagSet("sidebyside", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.runs, "runs", 3, "how often each program has its turn")
	f.Var(&o.size, "size", "the file on loopback, such as 64M or 1G")
	f.Var(&o.pathSize, "path-size", "the file on emulated paths; 0: what the scenario says")
	f.IntVar(&o.files, "files", 50_000, "how many small files")
	f.DurationVar(&o.limit, "limit", 30*time.Second, "on an emulated path end a program after this, on loopback after ten times of it; what arrived by then counts")
	f.StringVar(&o.scenarios, "scenario", "", "these alone, by their names and commas (-list)")
	f.StringVar(&o.tools, "tool", "", "these programs alone, by their names and commas (-list)")
	f.StringVar(&o.dir, "dir", defaultDir(), "where the files are made; on a tmpfs the disk does not count")
	f.StringVar(&o.logs, "logs", "", "a folder in which to keep the output of each program")
	f.StringVar(&o.before, "before", "", "the path of another build of p2ptool to compare with in all scenarios")
	f.BoolVar(&o.list, "list", false, "list scenarios and programs, and exit")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q: see -help", f.Arg(0))
	case o.runs < 1 || o.files < 1 || o.limit < time.Second:
		return o, errors.New("-runs and -files must be at least 1, -limit at least 1s")
	}
	return o, nil
}

// defaultDir is in memory if possible.
func defaultDir() string {
	if s, err := os.Stat("/dev/shm"); err == nil && s.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	chosen, err := choose(scenarios(o), o.scenarios, func(s scenario) string { return s.name })
	if err != nil {
		return fmt.Errorf("-scenario: %w", err)
	}
	dir, err := os.MkdirTemp(o.dir, "sidebyside-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := choose(tools(filepath.Join(dir, "p2ptool"), o.before), o.tools, func(t tool) string { return t.name })
	if err != nil {
		return fmt.Errorf("-tool: %w", err)
	}
	if o.list {
		list(stdout, chosen, all)
		return nil
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "p2ptool"), "p2ptool").CombinedOutput(); err != nil {
		return fmt.Errorf("building p2ptool: %w\n%s", err, out)
	}
	c := comparison{options: o, dir: dir, tools: installed(all, stderr), log: stderr}
	fmt.Fprintf(stdout, "Linux %s, %d processors, %s. TCP is %s where the name does not say otherwise. Medians of %d runs.\n",
		kernel("osrelease"), runtime.NumCPU(), runtime.Version(), network("tcp_congestion_control"), o.runs)
	for _, s := range chosen {
		if err := c.play(ctx, s, stdout); err != nil {
			return err
		}
	}
	writeSummary(stdout, c.tables, c.tools)
	return c.failed
}

func list(w io.Writer, scenarios []scenario, tools []tool) {
	for _, s := range scenarios {
		fmt.Fprintf(w, "scenario %-14s %s: %s\n", s.name, s.title, strings.Join(s.tools, ", "))
	}
	for _, t := range tools {
		fmt.Fprintf(w, "tool     %s\n", t.name)
	}
}

// choose returns the named ones of all, or all of them if names is empty.
func choose[T any](all []T, names string, name func(T) string) ([]T, error) {
	if names == "" {
		return all, nil
	}
	var chosen []T
	for n := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == n })
		if i < 0 {
			return nil, fmt.Errorf("%q is unknown: see -list", n)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// installed returns the tools whose programs are installed, and reports the others.
func installed(all []tool, stderr io.Writer) []tool {
	return slices.DeleteFunc(all, func(t tool) bool {
		for _, need := range t.needs {
			if _, err := find(need); err != nil {
				fmt.Fprintf(stderr, "%s is left out: %s is not installed\n", t.name, need)
				return true
			}
		}
		return false
	})
}

// find looks for a program in PATH and in the sbin folders.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return exec.LookPath("/usr/sbin/" + name)
	}
	return path, nil
}

// kernel and network read a kernel setting of the machine.
func kernel(name string) string  { return setting("/proc/sys/kernel/" + name) }
func network(name string) string { return setting("/proc/sys/net/ipv4/" + name) }

func setting(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
