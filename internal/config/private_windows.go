package config

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// isExposed reports whether anyone but the user, the system and its administrators may read or
// write a file.
func isExposed(f *os.File) (bool, error) {
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return false, nil // FAT or a pipe, for example: it cannot be protected
	}
	acl, _, err := sd.DACL()
	if err != nil || acl == nil {
		return err == nil, nil // no list: open to everyone
	}
	trusted, err := trustedSIDs(sd)
	if err != nil {
		return false, err
	}
	return grantsOthers(acl, trusted), nil
}

// trustedSIDs returns who may read a private file: its owner, this user, and the system and the
// administrators, who can read anything.
func trustedSIDs(sd *windows.SECURITY_DESCRIPTOR) ([]*windows.SID, error) {
	user, err := userSID()
	if err != nil {
		return nil, err
	}
	trusted := []*windows.SID{user}
	if owner, _, err := sd.Owner(); err == nil && owner != nil {
		trusted = append(trusted, owner)
	}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{
		windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid, windows.WinCreatorOwnerSid, windows.WinCreatorOwnerRightsSid,
	} {
		if sid, err := windows.CreateWellKnownSid(kind); err == nil {
			trusted = append(trusted, sid)
		}
	}
	return trusted, nil
}

// grantsOthers reports whether a list allows anyone but the trusted to read or write.
func grantsOthers(acl *windows.ACL, trusted []*windows.SID) bool {
	const readOrWrite = windows.FILE_READ_DATA | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.WRITE_DAC | windows.WRITE_OWNER |
		windows.GENERIC_READ | windows.GENERIC_WRITE | windows.GENERIC_ALL
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(acl, i, &ace) != nil {
			return true
		}
		const inheritOnly = windows.INHERIT_ONLY_ACE
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceFlags&inheritOnly != 0 || ace.Mask&readOrWrite == 0 {
			continue
		}
		if !isAnyOf((*windows.SID)(unsafe.Pointer(&ace.SidStart)), trusted) {
			return true
		}
	}
	return false
}

func isAnyOf(sid *windows.SID, among []*windows.SID) bool {
	for _, s := range among {
		if s.Equals(sid) {
			return true
		}
	}
	return false
}

func userSID() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("looking up this user: %w", err)
	}
	return user.User.Sid.Copy()
}

// closingCommand returns a command that makes a file private.
func closingCommand(path string) string {
	return fmt.Sprintf(`icacls "%s" /inheritance:r /grant:r "%%USERNAME%%:F"`, path)
}

// createPrivate creates a file that only this user, the system and administrators may read. It is
// created with that list and inherits none.
func createPrivate(path string) (*os.File, error) {
	user, err := userSID()
	if err != nil {
		return nil, err
	}
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;%s)", user))
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, windows.GENERIC_WRITE, share, sa, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}
