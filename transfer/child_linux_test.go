package transfer

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without privileges.
const nobody = 65534

// openDir returns a folder that any user can reach and write to.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "transfer-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// removeAll is os.RemoveAll, but also removes read-only folders.
func removeAll(dir string) {
	filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(p, 0o755)
		}
		return nil
	})
	os.RemoveAll(dir)
}

// receiveAs receives src in another process with the umask and, if this process runs as root and uid is not 0,
// as another user. It returns the output of both sides.
func receiveAs(t *testing.T, uid int, umask string, dst, src string) (sent *outcome, stderr string) {
	t.Helper()
	return receiveBy(t, uid, "umask "+umask, dst, src)
}

// receiveBy is receiveAs, but runs a shell command first.
func receiveBy(t *testing.T, uid int, prepare string, dst, src string) (sent *outcome, stderr string) {
	t.Helper()
	sent = new(outcome)
	return sent, withChild(t, uid, "receive", prepare, dst, func(rw stdio) {
		sent.Result, sent.err = Send(t.Context(), rw, Source{Paths: []string{src}}, SendOptions{OnEvent: sent.add})
	})
}

// sendBy sends from another process, which runs a shell command first.
func sendBy(t *testing.T, prepare string, dst, src string) (got *outcome, stderr string) {
	t.Helper()
	got = new(outcome)
	return got, withChild(t, os.Getuid(), "send", prepare, src, func(rw stdio) {
		got.Result, got.err = Receive(t.Context(), rw, ReceiveOptions{Dir: dst, OnEvent: got.add})
	})
}

// withChild runs this program as one side of a transfer, while do runs the other.
func withChild(t *testing.T, uid int, role, prepare, path string, do func(stdio)) (stderr string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if uid != os.Getuid() {
		binary = testBinary(t)
	}
	cmd := exec.Command("/bin/sh", "-c", prepare+`; exec "$0" "$1"`, binary, path)
	cmd.Env = append(os.Environ(), childRole+"="+role)
	if uid != os.Getuid() {
		if os.Getuid() != 0 {
			t.Skip("only root can be another user")
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	do(stdio{out, in})
	_ = cmd.Wait() // callers check its output instead
	return said.String()
}

// testBinary returns a copy of this program that any user can run.
func testBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	path := filepath.Join(openDir(t), "transfer.test")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, self); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// modes returns the modes of paths below dir.
func modes(t *testing.T, dir string, paths ...string) string {
	t.Helper()
	var b strings.Builder
	for _, p := range paths {
		fi, err := os.Lstat(filepath.Join(dir, p))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v\n", p, fi.Mode())
	}
	return b.String()
}
