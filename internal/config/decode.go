package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"p2ptool/internal/script"
)

// A decoder fills a Config key by key and collects the problems, so that one bad value does not
// hide the next. The toml package decodes every value separately; it also knows the lines.
type decoder struct {
	md       toml.MetaData
	file     string
	text     string
	prims    map[string]toml.Primitive // the known keys of the file
	problems Problems
}

// decode reads the text of a file into c, which has the defaults.
func (d *decoder) decode(text string, c *Config) {
	var root map[string]toml.Primitive
	md, err := toml.Decode(text, &root)
	if err != nil {
		d.syntax(text, err)
		return
	}
	d.md, d.text = md, text
	d.prims = make(map[string]toml.Primitive)
	d.table(nil, root, reflect.ValueOf(c).Elem())
}

// syntax reports text that is not TOML. The toml package may quote the text, so near a secret
// the report is less detailed.
func (d *decoder) syntax(text string, err error) {
	p := Problem{File: d.file, Text: "not TOML"}
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		p.Line, p.Text = pe.Position.Line, "not TOML: "+pe.Message
	}
	lines := strings.Split(text, "\n")
	if strings.Contains(p.Text, `\`) && windowsPath.MatchString(lines[max(0, p.Line-1)]) {
		p.Text = `not TOML: \ in double quotes begins an escape, ` + quoteWindowsPath
	}
	for _, line := range lines[max(0, p.Line-2):min(len(lines), p.Line+1)] {
		if strings.Contains(line, "secret") || strings.Contains(line, "p2psec") {
			p.Text = `not TOML, write the key as secret_key = "..." on a line of its own`
		}
	}
	d.problems = append(d.problems, p)
}

const quoteWindowsPath = `put a Windows path in single quotes, as in dir = 'C:\Users\ann'`

// windowsPath finds a path such as C:\Users in double quotes.
var windowsPath = regexp.MustCompile(`"([A-Za-z]:|\\)\\[^"]*"`)

// table decodes a table into a struct.
func (d *decoder) table(path toml.Key, prims map[string]toml.Primitive, into reflect.Value) {
	fields := fieldsOf(into.Type())
	for _, name := range slices.Sorted(maps.Keys(prims)) {
		key := append(slices.Clone(path), name)
		i, ok := fields[name]
		if !ok {
			d.unknown(key, prims[name], slices.Sorted(maps.Keys(fields)))
			continue
		}
		d.prims[key.String()] = prims[name]
		d.value(key, prims[name], into.Field(i))
	}
}

// fieldsOf maps the keys of a struct to its fields.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int)
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("toml"); tag != "" {
			fields[tag] = i
		}
	}
	return fields
}

func (d *decoder) unknown(key toml.Key, prim toml.Primitive, known []string) {
	text := "unknown key, use one of " + strings.Join(known, ", ")
	if near, ok := Nearest(key[len(key)-1], known); ok {
		text = fmt.Sprintf("unknown key, did you mean %q?", near)
	}
	d.report(key, prim, text)
}

// value decodes one value of any type into a field.
func (d *decoder) value(key toml.Key, prim toml.Primitive, into reflect.Value) {
	switch {
	case isText(into):
		d.leaf(key, prim, into, "String", "text in quotes")
	case into.Kind() == reflect.Bool:
		d.leaf(key, prim, into, "Bool", "true or false")
	case into.Kind() == reflect.Struct:
		if prims, ok := d.entries(key, prim); ok {
			d.table(key, prims, into)
		}
	case into.Kind() == reflect.Map:
		if prims, ok := d.entries(key, prim); ok {
			d.contacts(key, prims, into)
		}
	case into.Kind() == reflect.Slice && isText(reflect.New(into.Type().Elem()).Elem()):
		d.list(key, prim, into)
	case into.Kind() == reflect.Slice:
		d.script(key, prim, into.Addr().Interface().(*[]script.Step))
	}
}

// isText reports whether a value is a string in the file.
func isText(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok || v.Kind() == reflect.String
}

func (d *decoder) leaf(key toml.Key, prim toml.Primitive, into reflect.Value, want, use string) {
	if got := d.md.Type(key...); got != want {
		d.report(key, prim, fmt.Sprintf("is %s, use %s", typeName(got), use))
		return
	}
	if err := d.md.PrimitiveDecode(prim, into.Addr().Interface()); err != nil {
		if pe, ok := errors.AsType[toml.ParseError](err); ok {
			err = errors.New(pe.Message)
		}
		d.report(key, prim, err.Error())
	}
}

// list decodes a list of strings.
func (d *decoder) list(key toml.Key, prim toml.Primitive, into reflect.Value) {
	var texts []string
	if got := d.md.Type(key...); got != "Array" {
		d.report(key, prim, fmt.Sprintf("is %s, use a list of texts in quotes", typeName(got)))
		return
	}
	if d.md.PrimitiveDecode(prim, &texts) != nil {
		d.report(key, prim, "is not a list of texts, put each in quotes")
		return
	}
	for _, text := range texts {
		item := reflect.New(into.Type().Elem())
		if err := item.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			d.report(key, prim, err.Error())
			continue
		}
		into.Set(reflect.Append(into, item.Elem()))
	}
}

// typeName returns the name of a type of the toml package, for an error message.
func typeName(t string) string {
	switch t {
	case "Integer", "Float":
		return "a number"
	case "Bool":
		return "true or false"
	case "String":
		return "text"
	case "Hash", "": // an implicit table has no type
		return "a table"
	case "Array", "ArrayHash":
		return "a list"
	}
	return "a date or time"
}

// entries returns the values of a table.
func (d *decoder) entries(key toml.Key, prim toml.Primitive) (map[string]toml.Primitive, bool) {
	var prims map[string]toml.Primitive
	name := typeName(d.md.Type(key...))
	if name != "a table" || d.md.PrimitiveDecode(prim, &prims) != nil {
		d.report(key, prim, fmt.Sprintf("is %s, use a table: [%s]", name, key))
		return nil, false
	}
	return prims, true
}

// contacts decodes a table of contacts, each on top of the defaults.
func (d *decoder) contacts(path toml.Key, prims map[string]toml.Primitive, into reflect.Value) {
	into.Set(reflect.MakeMap(into.Type()))
	for _, name := range slices.Sorted(maps.Keys(prims)) {
		key := append(slices.Clone(path), name)
		if err := checkContactName(name); err != nil {
			d.report(key, prims[name], err.Error())
		}
		entries, ok := d.entries(key, prims[name])
		if !ok {
			continue
		}
		c := defaultContact()
		d.table(key, entries, reflect.ValueOf(&c).Elem())
		if _, ok := entries["guid"]; !ok {
			d.report(key, prims[name], "has no guid, add the one that `p2ptool id` prints on that machine")
		}
		into.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(c))
	}
}

// report records a problem with the value of a key.
func (d *decoder) report(key toml.Key, prim toml.Primitive, text string) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: d.line(prim), Key: key.String(), Text: text,
	})
}

// line returns the line of a value. The toml package reports a line only in an error, so line
// decodes the value into a type that always fails.
func (d *decoder) line(prim toml.Primitive) int {
	pe, _ := errors.AsType[toml.ParseError](d.md.PrimitiveDecode(prim, new(refusing)))
	return pe.Position.Line
}

// refusing accepts no value.
type refusing struct{}

// UnmarshalTOML always fails.
func (*refusing) UnmarshalTOML(any) error { return errors.New("refused") }
