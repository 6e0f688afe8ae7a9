package main

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A size is a number of bytes: a flag such as 64M, in powers of 1024.
type size int64

const units = "KMGT"

// Set reads a size. See flag.Value.
func (s *size) Set(text string) error {
	digits, shift := text, 0
	if i := strings.IndexAny(text, units); i >= 0 && i == len(text)-1 {
		digits, shift = text[:i], 10*(1+strings.IndexByte(units, text[i]))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || bits.Len64(uint64(n))+shift > 62 {
		return fmt.Errorf("%q is not a size such as 64M or 1G", text)
	}
	*s = size(n << shift)
	return nil
}

// String writes the size in the largest unit of which it is a multiple.
func (s size) String() string {
	n, unit := int64(s), ""
	for i := 0; i < len(units) && n >= 1024 && n%1024 == 0; i++ {
		n, unit = n/1024, units[i:i+1]
	}
	return fmt.Sprint(n) + unit
}
