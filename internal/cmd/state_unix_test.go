//go:build unix

package cmd

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// A pipe in the state folder is an error and does not block.
func TestPipeInStateFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"server.key", knownServers, "lock"} {
		d := stateDir(t.TempDir())
		if err := syscall.Mkfifo(d.path(name), 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := d.serverKey()
			if name == knownServers {
				_, err = d.servers()
			}
			done <- err
		}()
		select {
		case err := <-done:
			if name != "lock" && (err == nil || !strings.Contains(err.Error(), "not a regular file")) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: blocked", name)
		}
	}
}
