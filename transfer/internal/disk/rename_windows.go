package disk

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// renameInfo is FILE_RENAME_INFORMATION of <ntifs.h>, with room for the longest name.
type renameInfo struct {
	Flags      uint32 // FILE_RENAME_*; without Ex, the lowest bit is ReplaceIfExists
	Folder     windows.Handle
	NameLength uint32 // in bytes
	Name       [windows.MAX_PATH]uint16
}

// renameNew renames name in the folder src to as in the folder dst. It never replaces a file: if as exists,
// the error is fs.ErrExist.
func renameNew(src *os.File, name string, dst *os.File, as string) error {
	return linkError("rename", name, as, patiently(func(err error) bool { return held(err) && canAdd(dst) }, func() error {
		return renameAt(src, name, dst, as, windows.FileRenameInformation, 0)
	}))
}

// renameOver is renameNew, but replaces an existing file, atomically if the disk supports that.
func renameOver(src *os.File, name string, dst *os.File, as string) error {
	const fileRenameInformationEx = 65
	return linkError("rename", name, as, patiently(func(err error) bool { return held(err) && canAdd(dst) && !isFolder(dst, as) }, func() error {
		err := renameAt(src, name, dst, as, fileRenameInformationEx,
			windows.FILE_RENAME_REPLACE_IF_EXISTS|windows.FILE_RENAME_POSIX_SEMANTICS|windows.FILE_RENAME_IGNORE_READONLY_ATTRIBUTE)
		if err != nil { // FAT does not support POSIX semantics, nor does Windows before 10
			err = renameAt(src, name, dst, as, windows.FileRenameInformation, windows.FILE_RENAME_REPLACE_IF_EXISTS)
		}
		return err
	}))
}

func linkError(op, name, as string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: op, Old: name, New: as, Err: err}
}

// held reports whether err may say that another program has the file open. Virus scanners and
// indexers briefly open new files.
func held(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION) ||
		errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// canAdd reports whether files may be made in a folder. If they may not, the error is the same as for a held
// file.
func canAdd(dir *os.File) bool {
	const addFile = windows.FILE_WRITE_DATA // of a folder, FILE_ADD_FILE
	h, err := openAt(dir, "", addFile)
	if err == nil {
		windows.CloseHandle(h)
	}
	return !errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// isFolder reports whether name is a folder. Replacing a folder fails with the same error as a held file.
func isFolder(dir *os.File, name string) bool {
	h, err := openAt(dir, name, windows.FILE_READ_ATTRIBUTES)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	var info windows.ByHandleFileInformation
	return windows.GetFileInformationByHandle(h, &info) == nil && info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0
}

func renameAt(src *os.File, name string, dst *os.File, as string, class, flags uint32) error {
	h, err := openToMove(src, name)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	info := renameInfo{Flags: flags, Folder: windows.Handle(dst.Fd())}
	utf16, err := windows.UTF16FromString(as)
	if err != nil || len(utf16) > len(info.Name) || strings.ContainsAny(as, `\/:`) {
		return fs.ErrInvalid
	}
	copy(info.Name[:], utf16)
	info.NameLength = uint32(len(utf16)-1) * 2
	err = windows.NtSetInformationFile(h, &windows.IO_STATUS_BLOCK{}, (*byte)(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), class)
	runtime.KeepAlive(dst)
	if err != nil {
		return errno(err)
	}
	inheritACL(h)
	return nil
}

// openToMove opens a file to rename it and, if permitted, to change its ACL.
func openToMove(dir *os.File, name string) (windows.Handle, error) {
	const move = windows.DELETE | windows.SYNCHRONIZE
	h, err := openAt(dir, name, move|windows.READ_CONTROL|windows.WRITE_DAC)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		h, err = openAt(dir, name, move)
	}
	return h, err
}

// openAt opens the file name in the folder dir, or the folder itself if name is empty. It does not follow a
// link.
func openAt(dir *os.File, name string, access uint32) (windows.Handle, error) {
	if strings.ContainsAny(name, `\/:`) {
		return windows.InvalidHandle, fs.ErrInvalid
	}
	utf16, err := windows.NewNTUnicodeString(name)
	if err != nil {
		return windows.InvalidHandle, fs.ErrInvalid
	}
	oa := windows.OBJECT_ATTRIBUTES{RootDirectory: windows.Handle(dir.Fd()), ObjectName: utf16, Attributes: windows.OBJ_CASE_INSENSITIVE}
	oa.Length = uint32(unsafe.Sizeof(oa))
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	const options = windows.FILE_OPEN_REPARSE_POINT | windows.FILE_OPEN_FOR_BACKUP_INTENT | windows.FILE_SYNCHRONOUS_IO_NONALERT
	var h windows.Handle
	err = windows.NtCreateFile(&h, access|windows.SYNCHRONIZE, &oa, &windows.IO_STATUS_BLOCK{}, nil, 0, share, windows.FILE_OPEN, options, 0, 0)
	runtime.KeepAlive(dir)
	if err != nil {
		return windows.InvalidHandle, errno(err)
	}
	return h, nil
}

// errno converts an NTSTATUS to an Errno, which works with errors.Is.
func errno(err error) error {
	if status, ok := err.(windows.NTStatus); ok {
		return status.Errno()
	}
	return err
}

// inheritACL gives a moved file the ACL of a file that is made in its new folder, instead of the one that it got
// in its old folder.
func inheritACL(h windows.Handle) {
	const dacl = windows.DACL_SECURITY_INFORMATION
	old, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, dacl)
	if err != nil {
		return // the disk has no ACLs, or this process may not change this one
	}
	none, err := emptyACL()
	if err != nil {
		return
	}
	if windows.SetSecurityInfo(h, windows.SE_FILE_OBJECT, dacl|windows.UNPROTECTED_DACL_SECURITY_INFORMATION, nil, nil, none, nil) != nil {
		return
	}
	// The system adds the entries that the folder passes on. If there are none, the file keeps its old ACL, because
	// an empty one would deny access to everyone.
	if now, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, dacl); err == nil && hasEntries(now) {
		return
	}
	if acl, _, err := old.DACL(); err == nil {
		_ = windows.SetSecurityInfo(h, windows.SE_FILE_OBJECT, dacl, nil, nil, acl, nil)
	}
}

func emptyACL() (*windows.ACL, error) {
	sd, err := windows.SecurityDescriptorFromString("D:")
	if err != nil {
		return nil, err
	}
	acl, _, err := sd.DACL()
	return acl, err
}

func hasEntries(sd *windows.SECURITY_DESCRIPTOR) bool {
	acl, _, err := sd.DACL()
	return err == nil && (acl == nil || acl.AceCount > 0) // nil: open to everyone
}

// Hide hides the folder name below root from listings, and excludes its content from indexing.
func Hide(root *os.Root, name string) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	h, err := openAt(dir, name, windows.FILE_READ_ATTRIBUTES|windows.FILE_WRITE_ATTRIBUTES)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	// FILE_BASIC_INFO. A time of zero leaves that time unchanged.
	info := struct {
		Times      [4]int64
		Attributes uint32
		_          uint32
	}{Attributes: windows.FILE_ATTRIBUTE_DIRECTORY | windows.FILE_ATTRIBUTE_HIDDEN | windows.FILE_ATTRIBUTE_NOT_CONTENT_INDEXED}
	return windows.SetFileInformationByHandle(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
}
