package transfer

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// modeTree makes a folder with small and large files with various modes.
func modeTree(t *testing.T) (src string, paths []string) {
	t.Helper()
	src = filepath.Join(t.TempDir(), "f")
	for p, mode := range map[string]os.FileMode{"f/s": 0o644, "f/x": 0o755, "f/all": 0o666, "f/big": 0o664, "f/bigx": 0o777 | os.ModeSetuid} {
		size := 10
		if strings.Contains(p, "big") {
			size = 2*chunkSize + 1
		}
		write(t, filepath.Join(src, "..", p), noise(1, size))
		if err := os.Chmod(filepath.Join(src, "..", p), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(src, 0o777); err != nil {
		t.Fatal(err)
	}
	return src, []string{"f", "f/s", "f/x", "f/all", "f/big", "f/bigx"}
}

func TestUmask(t *testing.T) {
	t.Parallel()
	src, paths := modeTree(t)
	for umask, want := range map[string]string{
		"077": "f drwx------\nf/s -rw-------\nf/x -rwx------\nf/all -rw-------\nf/big -rw-------\nf/bigx -rwx------\n",
		"022": "f drwxr-xr-x\nf/s -rw-r--r--\nf/x -rwxr-xr-x\nf/all -rw-r--r--\nf/big -rw-r--r--\nf/bigx -rwxr-xr-x\n",
		"002": "f drwxrwxr-x\nf/s -rw-r--r--\nf/x -rwxr-xr-x\nf/all -rw-rw-r--\nf/big -rw-rw-r--\nf/bigx -rwxrwxr-x\n",
	} {
		dst := t.TempDir()
		if sent, said := receiveAs(t, os.Getuid(), umask, dst, src); sent.err != nil || said != "" {
			t.Fatalf("%v, %s", sent.err, said)
		}
		if got := modes(t, dst, paths...); got != want {
			t.Errorf("with umask %s:\n%s", umask, got)
		}
	}
}

// A stream becomes a file with the default mode of a new file.
func TestUmaskStream(t *testing.T) {
	t.Parallel()
	for umask, want := range map[string]string{"077": "s -rw-------\n", "022": "s -rw-r--r--\n", "002": "s -rw-rw-r--\n"} {
		dst := t.TempDir()
		said := withChild(t, os.Getuid(), "receive", "umask "+umask, dst, func(rw stdio) {
			if _, err := Send(t.Context(), rw, Source{Reader: strings.NewReader("hello"), Name: "s"}, SendOptions{}); err != nil {
				t.Error(err)
			}
		})
		if got := modes(t, dst, "s"); said != "" || got != want {
			t.Errorf("with umask %s: %s%s", umask, got, said)
		}
	}
}

// In a setgid folder, new folders and files get its group, and new folders are setgid, too.
func TestGroupFolder(t *testing.T) {
	t.Parallel()
	src, paths := modeTree(t)
	dst := t.TempDir()
	if os.Getuid() == 0 {
		if err := os.Chown(dst, 0, 4242); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dst, 0o775|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	mustTransfer(t, dst, src)
	var want unix.Stat_t
	if err := unix.Stat(dst, &want); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dst, p), &st); err != nil || st.Gid != want.Gid {
			t.Errorf("%s has the group %d, not %d: %v", p, st.Gid, want.Gid, err)
		}
		if isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; isDir != (st.Mode&unix.S_ISGID != 0) || st.Mode&unix.S_ISUID != 0 {
			t.Errorf("%s has the mode %o", p, st.Mode)
		}
	}
}

// A file inherits from the folder that it is in, not from the target folder.
func TestGroupFolderWithin(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can")
	}
	src, paths := modeTree(t)
	write(t, filepath.Join(src, "ro/s"), []byte("s"))
	if err := os.Chmod(filepath.Join(src, "ro"), 0o555); err != nil {
		t.Fatal(err)
	}
	dst := t.TempDir()
	within := filepath.Join(dst, "f")
	if err := errors.Join(os.Mkdir(within, 0o775), os.Chown(within, 0, 4343), os.Chmod(within, 0o775|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	mustTransfer(t, dst, src)
	for _, p := range append(paths, "f/ro", "f/ro/s") {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dst, p), &st); err != nil || st.Gid != 4343 {
			t.Errorf("%s has the group %d: %v", p, st.Gid, err)
		}
		if isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; isDir != (st.Mode&unix.S_ISGID != 0) {
			t.Errorf("%s has the mode %o", p, st.Mode)
		}
	}
}

// acl makes an ACL of entries of tag, permissions and id.
func acl(entries ...[3]uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

// A received file has the ACL of a file that is created in its folder, whether that folder or the target
// folder has the default ACL.
func TestDefaultACL(t *testing.T) {
	t.Parallel()
	const none = 0xffffffff
	src := t.TempDir()
	write(t, filepath.Join(src, "f/small"), []byte("s"))
	write(t, filepath.Join(src, "f/large"), noise(1, 3*chunkSize))
	def := acl([3]uint32{1, 7, none}, [3]uint32{2, 6, 4242}, [3]uint32{4, 5, none}, [3]uint32{0x10, 7, none}, [3]uint32{0x20, 0, none})
	for _, owner := range []string{".", "f"} {
		dst := t.TempDir()
		within := filepath.Join(dst, owner)
		if err := os.MkdirAll(within, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setxattr(within, "system.posix_acl_default", def, 0); err != nil {
			t.Skip("no ACLs here: ", err)
		}
		mustTransfer(t, dst, filepath.Join(src, "f"))
		write(t, filepath.Join(dst, "f/like"), nil) // with mode 0644, like the others
		want := aclOf(t, filepath.Join(dst, "f/like"))
		for _, p := range []string{"f/small", "f/large"} {
			if got := aclOf(t, filepath.Join(dst, p)); got == "" || got != want {
				t.Errorf("default of %q: %s has the ACL %x, want %x", owner, p, got, want)
			}
			if got, want := modes(t, dst, p), modes(t, dst, "f/like"); strings.Fields(got)[1] != strings.Fields(want)[1] {
				t.Errorf("default of %q: %swant %s", owner, got, want)
			}
		}
	}
}

func aclOf(t *testing.T, path string) string {
	t.Helper()
	b := make([]byte, 1024)
	n, err := unix.Getxattr(path, "system.posix_acl_access", b)
	if err == unix.ENODATA {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// Files keep times that do not fit into 64 bits of nanoseconds since 1970.
func TestFarTimes(t *testing.T) {
	t.Parallel()
	src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
	for name, size := range map[string]int{"small": 5, "large": 3 * chunkSize} {
		for year, when := range map[string]time.Time{"2262": time.Date(2262, 4, 12, 1, 2, 3, 456, time.UTC), "2400": time.Date(2400, 1, 1, 0, 0, 0, 9, time.UTC),
			"1902": time.Date(1902, 1, 1, 0, 0, 0, 0, time.UTC), "1600": time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)} {
			setTime(t, write(t, filepath.Join(src, name+year), noise(1, size)), when)
		}
	}
	setTime(t, src, time.Date(2300, 1, 1, 0, 0, 0, 1, time.UTC))
	mustTransfer(t, dst, src)
	for _, p := range append([]string{""}, namesIn(t, src)...) {
		from, err := os.Stat(filepath.Join(src, p))
		if err != nil {
			t.Fatal(err)
		}
		to, err := os.Stat(filepath.Join(dst, "f", p))
		if err != nil || !to.ModTime().Equal(from.ModTime()) {
			t.Errorf("%q: %v became %v, %v", p, from.ModTime(), to.ModTime(), err)
		}
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names
}

func setTime(t *testing.T, path string, when time.Time) {
	t.Helper()
	ts, err := unix.TimeToTimespec(when)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, 0); err != nil {
		t.Fatal(err)
	}
}

// A transfer with times out of that range can be resumed.
func TestResumeFarTime(t *testing.T) {
	t.Parallel()
	src, dst := filepath.Join(t.TempDir(), "a"), t.TempDir()
	write(t, src, noise(1, 40*chunkSize))
	setTime(t, src, time.Date(2300, 1, 1, 0, 0, 0, 1, time.UTC))
	interrupt(t, dst, src, 30*chunkSize)
	if _, got := resume(t, dst, src); got.ResumedBytes == 0 {
		t.Error("nothing was resumed")
	}
}

// A read-only folder can be sent twice, and is read-only again afterwards. A folder that is read-only only
// at the receiver stays so, and only its files fail.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	src := filepath.Join(openDir(t), "f")
	write(t, filepath.Join(src, "ro/a"), []byte("a"))
	write(t, filepath.Join(src, "ro/big"), noise(1, 3*chunkSize))
	write(t, filepath.Join(src, "rw/b"), []byte("b"))
	if err := os.Chmod(filepath.Join(src, "ro"), 0o555); err != nil {
		t.Fatal(err)
	}
	dst := openDir(t)
	for range 2 {
		if sent, said := receiveAs(t, nobody, "022", dst, src); sent.err != nil || said != "" {
			t.Fatalf("%v, %s", sent.err, said)
		}
	}
	if got := modes(t, dst, "f/ro", "f/ro/a", "f/ro/a (1)", "f/ro/big (1)", "f/rw/b (1)"); !strings.HasPrefix(got, "f/ro dr-xr-xr-x") {
		t.Errorf("modes %s", got)
	}
	if err := os.Chmod(filepath.Join(dst, "f/rw"), 0o555); err != nil {
		t.Fatal(err)
	}
	sent, _ := receiveAs(t, nobody, "022", dst, src)
	if sent.Failed != 1 || sent.Files != 2 || sent.files()["f/rw/b"].Status != StatusFailed {
		t.Errorf("%+v", sent.Result)
	}
	if got := modes(t, dst, "f/rw"); !strings.HasPrefix(got, "f/rw dr-xr-xr-x") {
		t.Errorf("modes %s", got)
	}
}
