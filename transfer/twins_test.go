package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ignoresCase reports whether the disk of a folder ignores case in names.
func ignoresCase(t *testing.T, dir string) bool {
	t.Helper()
	write(t, filepath.Join(dir, "Case"), nil)
	_, err := os.Lstat(filepath.Join(dir, "cASE"))
	if err := os.Remove(filepath.Join(dir, "Case")); err != nil {
		t.Fatal(err)
	}
	return err == nil
}

// Names that differ in case are two files everywhere. If the disk ignores case, the second file gets a number,
// and folders are merged.
func TestCaseTwins(t *testing.T) {
	t.Parallel()
	for _, conflict := range []Conflict{Rename, Overwrite} {
		testCaseTwins(t, conflict)
	}
}

func testCaseTwins(t *testing.T, conflict Conflict) {
	t.Helper()
	one, two, dst := t.TempDir(), t.TempDir(), t.TempDir()
	if !ignoresCase(t, dst) {
		t.Skip("this disk tells upper and lower case apart")
	}
	big := string(noise(1, 3*chunkSize))
	write(t, filepath.Join(one, "f/A"), []byte("A"))
	write(t, filepath.Join(two, "f/a"), []byte("a"))
	write(t, filepath.Join(one, "Big"), []byte(big))
	write(t, filepath.Join(two, "bIG"), []byte(big+"x"))
	write(t, filepath.Join(one, "d/x"), []byte("d/x"))
	write(t, filepath.Join(two, "D/X"), []byte("D/X"))
	tops := []string{filepath.Join(one, "f"), filepath.Join(two, "f"), filepath.Join(one, "Big"), filepath.Join(two, "bIG"), filepath.Join(one, "d"), filepath.Join(two, "D")}
	sent, got := receiveWith(t, ReceiveOptions{Dir: dst, Conflict: conflict}, Source{Paths: tops})
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	var contents []string
	for name, content := range tree(t, dst) {
		if content != "/" {
			contents = append(contents, content)
		}
		if strings.HasPrefix(name, stateFolder) {
			t.Errorf("%s is left", name)
		}
	}
	for _, want := range []string{"A", "a", big, big + "x", "d/x", "D/X"} {
		n := 0
		for _, c := range contents {
			if c == want {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%.10q is there %d times", want, n)
		}
	}
}

// If a disk treats two names as the same, the second one names the file that was delivered under the first. A hard
// link looks the same.
func TestIsTwin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	write(t, filepath.Join(dir, "A"), nil)
	write(t, filepath.Join(dir, "other"), nil)
	var d delivered
	d.add("A")
	d.add("caf\u00e9")
	if !ignoresCase(t, dir) {
		if err := root.Link("A", "a"); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	for name, want := range map[string]bool{"A": true, "a": true, "other": false, "b": false, "CAFE\u0301": false} {
		if d.isTwin(root, name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if folded("caf\u00e9") != folded("CAFE\u0301") {
		t.Error("two forms of an é are not the same")
	}
}
