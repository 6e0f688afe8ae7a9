package disk

func link(from *Folder, name string, to *Folder, as string) error {
	return from.above.Link(from.path(name), to.path(as))
}

func rename(from *Folder, name string, to *Folder, as string) error {
	return renameOver(from.f, name, to.f, as)
}
