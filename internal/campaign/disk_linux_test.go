package campaign

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// roomyDisk is the size in bytes of a disk that is not full.
const roomyDisk = 512 << 20

// A smallDisk is a disk in memory whose size changes.
type smallDisk struct {
	dir  string
	size int64
}

// mount gives a person a disk if the schedule fills it up; nil where that cannot be.
func (w *world) mount(who int) *smallDisk {
	if os.Geteuid() != 0 || !w.plan.fills(who) {
		return nil
	}
	d := &smallDisk{dir: w.path(w.plan.people[who].name), size: roomyDisk}
	must(os.MkdirAll(d.dir, 0o755))
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, d.options()); err != nil {
		return nil // a container may not mount
	}
	return d
}

// unmount takes all disks away.
func (w *world) unmount() {
	for _, p := range w.people {
		if p.disk != nil {
			must(unix.Unmount(p.disk.dir, unix.MNT_DETACH))
		}
	}
}

func (d *smallDisk) options() string { return fmt.Sprintf("size=%d", d.size) }

func (d *smallDisk) resize(size int64) {
	d.size = size
	must(unix.Mount("tmpfs", d.dir, "tmpfs", unix.MS_REMOUNT, d.options()))
}

// fill leaves so much room. A page is the least that a disk has more or less.
func (d *smallDisk) fill(room int64) {
	var st unix.Statfs_t
	must(unix.Statfs(d.dir, &st))
	d.resize(int64(st.Blocks-st.Bfree)*int64(st.Bsize) + room)
}

func (d *smallDisk) empty() { d.resize(roomyDisk) }

// roomy makes the disk large, until it is made again what it was.
func (d *smallDisk) roomy() (back func()) {
	if d == nil {
		return func() {}
	}
	before := d.size
	d.empty()
	return func() {
		if before != roomyDisk {
			d.fill(0)
		}
	}
}
