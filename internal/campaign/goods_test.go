package campaign

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// Goods are what is sent: a file, or a folder of files.
type goods struct {
	folder string // its name; empty: a single file
	files  []file
}

// A file's content is unlike any other's, if it has any.
type file struct {
	path string // within the folder, with slashes
	size int
	seed uint64
}

func (f file) content() string {
	b := make([]byte, f.size)
	rand.NewChaCha8([32]byte{byte(f.seed), byte(f.seed >> 8), byte(f.seed >> 16), byte(f.seed >> 24), byte(f.seed >> 32)}).Read(b)
	return string(b)
}

// commonNames are few, so that different files have the same.
var commonNames = []string{"report.pdf", "photo.jpg", "notes.txt"}

// rareNames are what disks and terminals are not used to.
var rareNames = []string{"naïve ☃.txt", "with space", ".hidden", "a%20b", "-rf", "new\nline", "COM1.txt", "trailing.", strings.Repeat("long", 60), "'quote\""}

// drawGoods draws some with at most so many bytes.
func drawGoods(d dice, most float64) goods {
	name := pick(d, commonNames...)
	if d.chance(.25) {
		name = pick(d, rareNames...)
	}
	if d.chance(.6) {
		return goods{files: []file{drawFile(d, name, most)}}
	}
	g := goods{folder: "folder"}
	n := int(d.scale(1, 40))
	for i := range n {
		path := fmt.Sprintf("%d-%s", i, pick(d, commonNames...))
		if d.chance(.2) {
			path = fmt.Sprintf("%s/%d-%s", pick(d, "sub", "sub/deeper", "other"), i, pick(d, rareNames...))
		}
		g.files = append(g.files, drawFile(d, path, most/float64(n)))
	}
	return g
}

func drawFile(d dice, path string, most float64) file {
	f := file{path: path, size: int(d.scale(32, max(64, most))), seed: d.Uint64()}
	if d.chance(.05) {
		f.size = 0
	}
	return f
}

func (g goods) size() (n int) {
	for _, f := range g.files {
		n += f.size
	}
	return n
}

// write makes the files in a folder of their own, and returns what is to be sent.
func (g goods) write(dir string) string {
	for _, f := range g.files {
		path := filepath.Join(dir, g.folder, filepath.FromSlash(f.path))
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		must(os.WriteFile(path, []byte(f.content()), 0o644))
	}
	if g.folder != "" {
		return filepath.Join(dir, g.folder)
	}
	return filepath.Join(dir, g.files[0].path)
}

func (g goods) String() string {
	if g.folder != "" {
		return fmt.Sprintf("a folder of %d files, %d KB", len(g.files), g.size()/1000)
	}
	return fmt.Sprintf("%.40q, %d bytes", g.files[0].path, g.files[0].size)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
