package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A shell is an sshd that this command started, and how to reach it.
type shell struct {
	sshd    *program
	port    string
	login   string   // user@address
	options []string // of ssh and scp
}

// sshdFolder must exist for sshd to start. The system's own sshd creates it.
const sshdFolder = "/run/sshd"

// shell starts an sshd with temporary keys.
func (t *turn) shell(ctx context.Context) (*shell, error) {
	within, cancel := t.ready(ctx)
	defer cancel()
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	if me.Uid == "0" {
		if err := os.MkdirAll(sshdFolder, 0o755); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"host", "user"} {
		if _, err := t.run(within, t.stage.sender, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", t.home(key)); err != nil {
			return nil, err
		}
	}
	port, err := freePorts(t.stage.receiver, 1)
	if err != nil {
		return nil, err
	}
	s := &shell{port: strconv.Itoa(port), login: me.Username + "@" + t.stage.receiver.addr()}
	s.options = []string{"-F", "none", "-i", t.home("user")}
	for _, o := range []string{"BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=30"} {
		s.options = append(s.options, "-o", o)
	}
	if err := os.WriteFile(t.home("sshd_config"), []byte(t.sshdConfig(s.port)), 0o600); err != nil {
		return nil, err
	}
	path, err := find("sshd") // sshd requires an absolute path
	if err != nil {
		return nil, err
	}
	if s.sshd, err = t.start(t.stage.receiver, nil, path, "-D", "-e", "-f", t.home("sshd_config")); err != nil {
		return nil, err
	}
	return s, awaitPort(s.sshd, t.stage.receiver, net.JoinHostPort(t.stage.receiver.addr(), s.port))
}

func (t *turn) sshdConfig(port string) string {
	return strings.Join([]string{
		"Port " + port,
		"ListenAddress " + t.stage.receiver.addr(),
		"HostKey " + t.home("host"),
		"AuthorizedKeysFile " + t.home("user.pub"),
		"PidFile none",
		"StrictModes no",
		"UsePAM no",
		"PasswordAuthentication no",
		"PermitRootLogin prohibit-password",
		"Subsystem sftp internal-sftp",
		"",
	}, "\n")
}

func scp(ctx context.Context, t *turn) (outcome, error) {
	return t.byShell(ctx, func(s *shell) []string {
		args := append([]string{"scp", "-q", "-r", "-P", s.port}, s.options...)
		return append(args, t.load.path, s.login+":"+t.into)
	})
}

func rsync(ctx context.Context, t *turn) (outcome, error) {
	return t.byShell(ctx, func(s *shell) []string {
		remote := fmt.Sprintf("ssh -p %s %s", s.port, strings.Join(s.options, " "))
		return []string{"rsync", "-a", "--whole-file", "-e", remote, t.load.path, s.login + ":" + t.into}
	})
}

// byShell runs a command that sends by an sshd.
func (t *turn) byShell(ctx context.Context, command func(*shell) []string) (o outcome, err error) {
	s, err := t.shell(ctx)
	if err != nil {
		return o, err
	}
	args := command(s)
	var client *program
	o, err = t.transfer(ctx, func() (*program, error) {
		client, err = t.start(t.stage.sender, nil, args[0], args[1:]...)
		return client, err
	})
	if err != nil {
		return o, err
	}
	if !o.cut {
		s.idle(ctx)
	}
	t.leave()
	o.sender, o.receiver = client.used(), s.sshd.used()
	return o, nil
}

// idle waits until no session is left, so that sshd's usage includes them.
func (s *shell) idle(ctx context.Context) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for len(children(s.sshd.cmd.Process.Pid)) > 0 {
		select {
		case <-again.C:
		case <-within.Done():
			return
		}
	}
}

// named returns the path at which the load arrives.
func (t *turn) named() string { return filepath.Join(t.into, filepath.Base(t.load.path)) }
