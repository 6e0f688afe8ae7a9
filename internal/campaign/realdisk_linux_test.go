package campaign

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// An ext4 is a disk in a file. What the file holds is what a real disk would if its power
// went: what was synced, and what the kernel happened to have written.
type ext4 struct {
	t     *testing.T
	image string
	dir   string // where it is mounted
	kept  []byte // the image at the cut
}

// diskSize is small, so that disks can be filled and copied quickly.
const diskSize = 32 << 20

// newExt4 makes a disk and mounts it; the test is skipped where the kernel has none.
func newExt4(t *testing.T, image, dir string) *ext4 {
	d := &ext4{t: t, image: image, dir: dir}
	f, err := os.Create(image)
	must(err)
	must(f.Truncate(diskSize))
	must(f.Close())
	must(os.MkdirAll(dir, 0o755))
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return d
}

// cut notes what is on the disk. Nobody may be writing: two looks have to see the same, for the kernel
// may just be.
func (d *ext4) cut() {
	for d.kept = d.read(); ; {
		again := d.read()
		if bytes.Equal(again, d.kept) {
			return
		}
		d.kept = again
	}
}

func (d *ext4) read() []byte {
	b, err := os.ReadFile(d.image)
	must(err)
	return b
}

// restore mounts what the disk held at the cut.
func (d *ext4) restore() {
	d.do("umount", d.dir)
	must(os.WriteFile(d.image, d.kept, 0o600))
	d.do("mount", "-o", "loop", d.image, d.dir)
}

func (d *ext4) do(words ...string) {
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%q: %v %s", words, err, out)
	}
}
