package terminal

import (
	"fmt"
	"math"
	"time"
)

// Bytes returns a size for a person: whole below 1,024, else with one decimal
// and a unit of IEC 80000-13, such as "1.2 GiB".
func Bytes(n int64) string {
	if n < 1024 && n > -1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	// From 1023.95 on one decimal would round up to 1024.0.
	for math.Abs(v) >= 1023.95 && unit < 6 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", v, "_KMGTPE"[unit])
}

// Rate returns a rate in bytes per second as Bytes does, such as "12.3 MiB/s".
func Rate(bytesPerSecond float64) string {
	if !(bytesPerSecond > 0) {
		return "0 B/s"
	}
	return Bytes(int64(min(bytesPerSecond, math.MaxInt64/2))) + "/s"
}

// Duration returns a duration for a person, with the figures that matter:
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
