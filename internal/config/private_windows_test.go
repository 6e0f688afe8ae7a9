package config

import (
	"testing"

	"golang.org/x/sys/windows"
)

// expose creates a file that everyone may read.
func expose(t *testing.T, path, text string) {
	t.Helper()
	writeTo(t, path, text, 0o644)
	sd, err := windows.SecurityDescriptorFromString("D:P(A;;FA;;;BA)(A;;FA;;;SY)(A;;FR;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	acl, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	const dacl = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, dacl, nil, nil, acl, nil); err != nil {
		t.Fatal(err)
	}
}
