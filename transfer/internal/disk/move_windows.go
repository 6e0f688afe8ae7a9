package disk

import "path"

func link(from *Folder, name string, to *Folder, as string) error {
	return from.above.Link(path.Join(from.dir, name), path.Join(to.dir, as))
}

func rename(from *Folder, name string, to *Folder, as string) error {
	return renameOver(from.f, name, to.f, as)
}
