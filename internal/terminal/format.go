package terminal

import (
	"fmt"
	"math"
	"time"
)

// Bytes formats a size: a whole number below 1,000, else one decimal and a unit in powers of 1000,
// such as "1.2 GB". The config and the flags accept that format.
func Bytes(n int64) string {
	if n < 1000 && n > -1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	// From 999.95 on one decimal would round up to 1000.0.
	for math.Abs(v) >= 999.95 && unit < 6 {
		v /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, "_kMGTPE"[unit])
}

// Rate formats a rate in bytes per second, such as "12.3 MB/s".
func Rate(bytesPerSecond float64) string {
	if !(bytesPerSecond > 0) {
		return "0 B/s"
	}
	return Bytes(int64(min(bytesPerSecond, math.MaxInt64/2))) + "/s"
}

// Left formats the time that something will still take, in whole seconds since it is an
// estimate.
func Left(d time.Duration) string {
	if d = max(d.Round(time.Second), time.Second); d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return Duration(d)
}

// Duration formats a duration with two or three significant digits:
// "85 µs", "12.5 ms", "4.2 s", "16 s", "2m03s", "1h02m", "3d04h".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-max(d, -math.MaxInt64))
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1e3)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
