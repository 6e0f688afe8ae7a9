package transfer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childRole is an environment variable. If it is set, the test binary runs one side of a
// transfer over its stdin and stdout.
const childRole = "TRANSFER_TEST_ROLE"

type stdio struct {
	io.ReadCloser
	io.WriteCloser
}

func (s stdio) Close() error {
	s.ReadCloser.Close()
	return s.WriteCloser.Close()
}

// child is the main function of the other process.
func child(role, path string) int {
	var err error
	rw := stdio{os.Stdin, os.Stdout}
	if role == "receive" {
		_, err = Receive(context.Background(), rw, ReceiveOptions{Dir: path, Peer: "peer"})
	} else {
		_, err = Send(context.Background(), rw, Source{Paths: []string{path}}, SendOptions{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startChild starts the other side, and returns a stream to it.
func startChild(t *testing.T, role, path string) (*exec.Cmd, stdio) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, path)
	cmd.Env = append(os.Environ(), childRole+"="+role)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdio{out, in}
}

// A killer kills a process after left bytes in both directions together.
type killer struct {
	stdio
	cmd  *exec.Cmd
	left int
}

func (k *killer) count(n int) {
	if k.left -= n; k.left <= 0 && k.left+n > 0 {
		k.cmd.Process.Kill()
	}
}

func (k *killer) Read(p []byte) (int, error) {
	n, err := k.stdio.Read(p)
	k.count(n)
	return n, err
}

func (k *killer) Write(p []byte) (int, error) {
	n, err := k.stdio.Write(p)
	k.count(n)
	return n, err
}

// oneWay returns a stream that counts only what goes to the receiver.
func (k *killer) oneWay(role string) io.ReadWriteCloser {
	type rwc struct {
		io.Reader
		io.Writer
		io.Closer
	}
	if role == "receive" {
		return rwc{k.stdio, k, k.stdio}
	}
	return rwc{k, k.stdio, k.stdio}
}

// Each side is killed at random bytes until the transfer completes. The files are correct, no
// partial file ever has a final name, no file exists twice, and what was held is not sent
// again.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"receive", "send"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
			want := map[string]string{"f": "/", "f/big": string(noise(1, 40*chunkSize+5))}
			for i := range 60 {
				want[fmt.Sprintf("f/%d", i)] = string(noise(uint64(i), 5000))
			}
			for p, data := range want {
				if data != "/" {
					write(t, filepath.Join(src, "..", p), []byte(data))
				}
			}
			rnd := rand.New(rand.NewPCG(1, uint64(len(role))))
			var res Result
			for tries, done := 0, false; !done; tries++ {
				if tries == 100 {
					t.Fatal("no progress")
				}
				res, done = runKilled(t, role, src, dst, 1+rnd.IntN(5<<20), want)
			}
			if res.ResumedBytes == 0 || res.Files != 61 {
				t.Errorf("at last: %+v", res)
			}
			sameTree(t, tree(t, dst), want)
		})
	}
}

// runKilled transfers until the child is killed, and checks the received files. It reports
// whether the transfer completed.
func runKilled(t *testing.T, role, src, dst string, after int, want map[string]string) (res Result, done bool) {
	t.Helper()
	path := dst
	if role == "send" {
		path = src
	}
	cmd, rw := startChild(t, role, path)
	k := &killer{rw, cmd, after}
	var err error
	if role == "receive" {
		res, err = Send(t.Context(), k.oneWay(role), Source{Paths: []string{src}}, SendOptions{})
	} else {
		res, err = Receive(t.Context(), k.oneWay(role), ReceiveOptions{Dir: dst, Peer: "peer"})
	}
	cmd.Wait() // fails if it was killed
	for p, data := range tree(t, dst) {
		if w, ok := want[p]; !strings.HasPrefix(p, stateFolder) && (!ok || w != data) {
			t.Fatalf("%q is there with %d bytes, want %d", p, len(data), len(w))
		}
	}
	return res, err == nil
}
