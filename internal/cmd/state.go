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
	"p2ptool/internal/filelock"
	"p2ptool/p2p/identity"
)

// A stateDir is the state folder:
//
//	server.key      the key of `serve` without a config
//	known_servers   the keys of servers, see knownServers
//	certificates    a folder with the server's certificates
//	lock            held while one of them is changed
//
// Files are replaced atomically, so that readers need no lock.
type stateDir string

// state returns the state folder: $XDG_STATE_HOME/p2ptool, ~/.local/state/p2ptool if that is
// unset, and %LocalAppData%\p2ptool on Windows.
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
			return "", usage("cannot find the state folder: HOME is not set; set HOME or XDG_STATE_HOME")
		}
	}
	return stateDir(filepath.Join(base, "p2ptool")), nil
}

// path returns the path of a file.
func (d stateDir) path(name string) string { return filepath.Join(string(d), name) }

// change creates the folder if needed and calls f while it holds the lock.
func (d stateDir) change(f func() error) (err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("creating the state folder: %w", err)
	}
	lock, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("locking the state folder: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // also releases the lock
	if err := filelock.Lock(lock); err != nil {
		return fmt.Errorf("locking the state folder: %w", err)
	}
	return f()
}

// maxStateFile is the largest file that read returns whole, in bytes.
const maxStateFile = 16 << 20

// read returns a file's content. A pipe or a device in its place is an error and does not block.
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

// write replaces a file atomically. Call it within change.
func (d stateDir) write(name, text string) error {
	return config.WriteFile(d.path(name), text, true)
}

// serverKey returns the key of a server without a config. It creates the key on the first
// call.
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
