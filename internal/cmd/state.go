package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"p2ptool/internal/config"
	"p2ptool/p2p/identity"
)

// A stateDir is the folder of what the program remembers by itself:
//
//	server.key      the key of `serve` without a config
//	known_servers   the keys of servers, see knownServers
//	certificates    the folder of those that were got for the server
//	lock            held while one of them is changed
//
// Files are replaced whole, so that a reader needs no lock.
type stateDir string

// state returns the folder: $XDG_STATE_HOME/p2ptool, with ~/.local/state where that is
// unset, and on Windows %LocalAppData%.
func (p *program) state() (stateDir, error) {
	base := p.env.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		home := p.env.Getenv("HOME")
		base = filepath.Join(home, ".local", "state")
		if runtime.GOOS == "windows" {
			home = p.env.Getenv("LocalAppData")
			base = home
		}
		if home == "" {
			return "", usage("HOME is not set, so there is no state folder; set HOME or XDG_STATE_HOME")
		}
	}
	return stateDir(filepath.Join(base, "p2ptool")), nil
}

// path returns where the file of the name is.
func (d stateDir) path(name string) string { return filepath.Join(string(d), name) }

// change calls f while no other process is in change, making the folder first.
func (d stateDir) change(f func() error) (err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	lock, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("locking the state folder: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // gives the lock back as well
	if err := lockFile(lock); err != nil {
		return fmt.Errorf("locking the state folder: %w", err)
	}
	return f()
}

// maxStateFile is the most bytes of a file that is read.
const maxStateFile = 16 << 20

// read returns what is in a file. It does not wait for a pipe or a device in the file's place.
func (d stateDir) read(name string) (string, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", fmt.Errorf("%q is not a regular file; remove it", d.path(name))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxStateFile))
	return string(text), err
}

// write replaces a file, at once or not at all. It is called within change.
func (d stateDir) write(name, text string) error {
	return config.WriteFile(d.path(name), text, true)
}

// serverKey returns the key that a server without a config has, making it the
// first time.
func (d stateDir) serverKey() (key identity.SecretKey, err error) {
	err = d.change(func() error {
		text, err := d.read("server.key")
		if err == nil {
			key, err = identity.ParseSecretKey(strings.TrimSpace(text))
			return err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if key, err = identity.GenerateKey(); err != nil {
			return err
		}
		return d.write("server.key", key.Reveal()+"\n")
	})
	if err != nil {
		return identity.SecretKey{}, fmt.Errorf("the server's key %q: %w", d.path("server.key"), err)
	}
	return key, nil
}
