package config

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMountedConfig holds that a file which is a mount of its own, as in a container, is
// written into, and that what was in it is kept.
func TestMountedConfig(t *testing.T) {
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("needs root to mount")
	}
	source, path := writeContacts(t, "# a config\n"), writeContacts(t, "")
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(path, 0)
	if err := load(t, path).AddContact("bob", parseGUID(t, bobGUID)); err != nil {
		t.Fatal(err)
	}
	if c := load(t, source); len(c.Contacts) != 1 {
		t.Errorf("the contacts are %v", c.Contacts)
	}
	if got := textOf(t, path+".bak"); got != "# a config\n" {
		t.Errorf("the backup holds %q", got)
	}
}
