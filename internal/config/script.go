package config

import (
	"github.com/BurntSushi/toml"

	"p2ptool/internal/script"
)

// script decodes the steps of [[script]].
func (d *decoder) script(key toml.Key, prim toml.Primitive, into *[]script.Step) {
	var prims []toml.Primitive
	if got := typeName(d.md.Type(key...)); got != "a list" || d.md.PrimitiveDecode(prim, &prims) != nil {
		d.report(key, prim, "is "+got+", use a table for each step: [[script]]")
		return
	}
	steps, errs := script.Decode(d.md, prims, d.file, []byte(d.text), script.Options{})
	for _, err := range errs {
		d.problems = append(d.problems, Problem{Line: err.Line, Text: err.Error()})
	}
	*into = steps
}
