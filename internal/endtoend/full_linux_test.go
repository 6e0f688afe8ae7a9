package endtoend

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk gives a user a folder "in" on a file system of size bytes.
func (u *user) smallDisk(size string) {
	u.t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			u.t.Fatal("not root")
		}
		u.t.Skip("not root")
	}
	dir := u.path("in")
	if err := os.Mkdir(dir, 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// TestDiskFull: if there is no room for a file, the transfer is refused before it begins. If
// the disk fills up during a transfer, it fails, and resumes where it was once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	p := withServer(t)
	p.bob.smallDisk("64m")
	writeFile(t, p.ann.path("out/file"), 48*mB, 1)
	writeFile(t, p.ann.path("large"), 80*mB, 2)

	receiver := p.bob.receive("--once")
	sender := p.ann.run("send", "large", "--to", p.bob.guid)
	sender.end(7)
	receiver.end(7)
	if n := len(sender.all(beyond(0))); n > 0 {
		t.Errorf("the file was sent although there is no room for it")
	}
	for _, side := range []*program{sender, receiver} {
		t.Logf("%s: %s", side.name, side.all(is("error"))[0].Message)
	}

	receiver = p.bob.receive("--once")
	sender = p.ann.run("send", "out/file", "--to", p.bob.guid, "--limit", "20MB/s")
	receiver.await(patience, "progress", beyond(10*mB))
	other := filepath.Join(p.bob.path("in"), "other")
	writeFile(t, other, 30*mB, 3)
	sender.end(7)
	receiver.end(7)
	for _, side := range []*program{sender, receiver} {
		e := side.all(is("error"))
		if len(e) == 0 || e[0].Code != "storage" {
			t.Fatalf("%s reports no storage error", side.name)
		}
		t.Logf("%s: %s", side.name, e[0].Message)
	}
	if _, err := os.Stat(filepath.Join(p.bob.path("in"), "file")); err == nil {
		t.Error("a part of the file has its final name")
	}

	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	receiver = p.bob.receive("--once")
	sender = p.ann.run("send", "out/file", "--to", p.bob.guid)
	sender.end(0)
	receiver.end(0)
	sameBytes(t, sender, receiver, p.ann.path("out"), p.bob.path("in"))
	if e := receiver.await(0, "end", is("done")); e.Resumed == 0 {
		t.Error("the transfer did not resume")
	} else {
		t.Logf("resumed at %.1f MB", float64(e.Resumed)/mB)
	}
}
