package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes.
type Size int64

// UnmarshalText parses like ParseSize.
func (s *Size) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSize(string(b))
	return err
}

// A Rate is a number of bytes per second.
type Rate int64

// UnmarshalText parses like ParseRate.
func (r *Rate) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRate(string(b))
	return err
}

// ParseSize parses a number of bytes such as "1500", "10GB" or "1.5 MiB". K, M, G and T, with or
// without B, are powers of 1000; KiB to TiB are powers of 1024. Case does not matter.
func ParseSize(s string) (Size, error) {
	n, ok := parseBytes(s)
	if !ok {
		return 0, fmt.Errorf("%q is not a size such as \"10GB\" or \"0\"", s)
	}
	return Size(n), nil
}

// ParseRate parses a size with or without "/s". A number without a unit, except 0, is an error: a
// user who writes 2 does not mean two bytes per second.
func ParseRate(s string) (Rate, error) {
	n, ok := parseBytes(strings.TrimSuffix(s, "/s"))
	if !ok {
		return 0, fmt.Errorf("%q is not a rate such as \"10MB/s\" or \"0\"", s)
	}
	if n != 0 && strings.Trim(strings.TrimSpace(s), "0123456789.") == "" {
		return 0, fmt.Errorf("%q has no unit, use for example \"%sMB/s\"", s, strings.TrimSpace(s))
	}
	return Rate(n), nil
}

func parseBytes(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	end := strings.LastIndexAny(s, "0123456789") + 1
	unit, ok := unitSize(strings.TrimSpace(s[end:]))
	if !ok || end == 0 || strings.Trim(s[:end], "0123456789.") != "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(s[:end], 10, 64); err == nil && n <= math.MaxInt64/unit {
		return n * unit, true // exact, unlike a large float
	}
	f, err := strconv.ParseFloat(s[:end], 64)
	f *= float64(unit)
	if err != nil || f >= math.MaxInt64 {
		return 0, false
	}
	return int64(f), true
}

// unitSize returns the number of bytes of a unit.
func unitSize(unit string) (int64, bool) {
	unit = strings.ToLower(unit)
	if unit == "" || unit == "b" {
		return 1, true
	}
	power := strings.IndexByte("kmgt", unit[0]) + 1
	base := int64(1000)
	switch unit[1:] {
	case "", "b":
	case "ib":
		base = 1024
	default:
		return 0, false
	}
	n := int64(1)
	for range power {
		n *= base
	}
	return n, power > 0
}
