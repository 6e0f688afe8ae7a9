package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const module = "p2ptool"

// A goPackage is what the picture shows of a package.
type goPackage struct {
	path       string // within the module
	synopsis   string
	imports    []string // of this module
	lines      int
	files      int
	goroutines int // places that start one
}

// readPackages reads the packages below a folder, without those that have tests alone.
func readPackages(root string) ([]*goPackage, error) {
	found := map[string]*goPackage{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if found[dir] == nil {
			found[dir] = &goPackage{path: dir}
		}
		return found[dir].read(path)
	})
	if err != nil {
		return nil, err
	}
	var all []*goPackage
	for _, p := range found {
		slices.Sort(p.imports)
		p.imports = slices.Compact(p.imports)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *goPackage) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

// read adds a file to its package. Files for other systems than Linux count as
// lines alone.
func (p *goPackage) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p.files++
	p.lines += bytes.Count(text, []byte("\n"))
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
	if err != nil {
		return err
	}
	if file.Doc != nil {
		p.synopsis = new(doc.Package).Synopsis(file.Doc.Text())
	}
	linux := build.Default
	linux.GOOS, linux.GOARCH = "linux", "amd64"
	if ok, err := linux.MatchFile(filepath.Split(path)); err != nil || !ok {
		return err
	}
	for _, i := range file.Imports {
		if name, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module+"/"); ok {
			p.imports = append(p.imports, name)
		}
	}
	ast.Inspect(file, p.count)
	return nil
}

// count counts go statements, and calls of sync.WaitGroup.Go.
func (p *goPackage) count(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		p.goroutines++
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" && len(n.Args) == 1 {
			p.goroutines++
		}
	}
	return true
}
