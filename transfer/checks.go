package transfer

import (
	"context"
	"io"

	"p2ptool/transfer/internal/disk"
)

// CheckSource returns an error if src cannot be sent as it is now: a path does not exist, has no name to send it
// under, or cannot be read. It does not check the files in a folder.
func CheckSource(src Source) error {
	tops, err := resolveSource(src)
	if err != nil || src.Reader != nil {
		return err
	}
	for _, t := range tops {
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

func (t top) check() error {
	root, err := disk.OpenRoot(t.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.OpenFile(t.base, openToRead, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.IsDir() {
		return err
	}
	if _, err := f.Readdirnames(1); err != io.EOF {
		return err
	}
	return nil
}

// CheckTarget returns an error, which matches ErrStorage, if the folder dir cannot receive anything as it is now.
func CheckTarget(dir string) error {
	st, err := openStore(context.Background(), dir, "")
	if err != nil {
		return storage(err)
	}
	defer st.close()
	if st.state != nil {
		return nil
	}
	if err := st.makeState(); err != nil {
		return storage(err)
	}
	return nil
}
