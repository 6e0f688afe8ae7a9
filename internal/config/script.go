package config

import (
	"errors"
	"strings"

	"github.com/BurntSushi/toml"

	"p2ptool/internal/script"
)

// script decodes the steps of [[script]]. The toml package gives the place of the
// last step for a value of any, so messages name the step instead.
func (d *decoder) script(key toml.Key, prim toml.Primitive, into *[]script.Step) {
	var steps []script.Step
	if err := d.md.PrimitiveDecode(prim, &steps); err != nil {
		text := strings.TrimPrefix(err.Error(), "toml: ")
		if pe, ok := errors.AsType[toml.ParseError](err); ok {
			text = pe.Message
		}
		d.problems = append(d.problems, Problem{File: d.file, Key: key.String(), Text: text})
		return
	}
	for _, k := range d.md.Undecoded() {
		if len(k) == 2 && k[0] == key[0] {
			d.problems = append(d.problems, Problem{File: d.file, Key: k.String(),
				Text: "unknown key, use one of say, expect, send, receive, sleep, quit, and timeout"})
		}
	}
	script.Locate(steps, d.file, []byte(d.text))
	if err := script.Validate(steps, script.Options{}); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			d.problems = append(d.problems, Problem{Text: line})
		}
	}
	*into = steps
}
