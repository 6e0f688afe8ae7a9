package qlog

import (
	"encoding/json"
	"strconv"
	"time"
)

// An encoder appends JSON. Names of members are constants that need no escaping.
type encoder struct {
	buf   []byte
	first bool // no member of the innermost object, or element of the array, was appended yet
}

func (e *encoder) comma() {
	if !e.first {
		e.buf = append(e.buf, ',')
	}
	e.first = false
}

func (e *encoder) name(name string) {
	e.comma()
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '"', ':')
}

// object and array begin a member; element begins an object in an array.
func (e *encoder) object(name string) { e.name(name); e.open('{') }
func (e *encoder) array(name string)  { e.name(name); e.open('[') }
func (e *encoder) element()           { e.comma(); e.open('{') }
func (e *encoder) open(bracket byte)  { e.buf, e.first = append(e.buf, bracket), true }
func (e *encoder) close(bracket byte) { e.buf, e.first = append(e.buf, bracket), false }
func (e *encoder) endObject()         { e.close('}') }
func (e *encoder) endArray()          { e.close(']') }
func (e *encoder) uint(n string, v uint64) {
	e.name(n)
	e.buf = strconv.AppendUint(e.buf, v, 10)
}

func (e *encoder) bool(n string, v bool) {
	e.name(n)
	e.buf = strconv.AppendBool(e.buf, v)
}

// word appends a string that needs no escaping.
func (e *encoder) word(n, v string) {
	e.name(n)
	e.buf = append(append(append(e.buf, '"'), v...), '"')
}

// text appends any string.
func (e *encoder) text(n, v string) {
	e.name(n)
	b, _ := json.Marshal(v) // a string always has a form
	e.buf = append(e.buf, b...)
}

// ms appends a duration in milliseconds.
func (e *encoder) ms(n string, d time.Duration) {
	e.name(n)
	e.buf = strconv.AppendFloat(e.buf, float64(d)/1e6, 'f', 3, 64)
}
