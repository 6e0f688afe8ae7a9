package natmatrix

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A row is the measured result of a pair.
type row struct {
	a, b, method         string
	met, of              int
	median, p95, longest time.Duration
}

// String returns the row as in docs/nat.md.
func (r row) String() string {
	return fmt.Sprintf("| %s | %s | %s | %d of %d | %d ms | %d ms | %d ms |", r.a, r.b, r.method, r.met, r.of,
		r.median.Milliseconds(), r.p95.Milliseconds(), r.longest.Milliseconds())
}

// parseRow parses the result of String.
func parseRow(line string) (r row, err error) {
	cells := strings.Split(strings.Trim(line, "| "), " | ")
	if len(cells) != 7 {
		return r, fmt.Errorf("%q is not a row of the table", line)
	}
	r.a, r.b, r.method = cells[0], cells[1], cells[2]
	var median, p95, longest int
	if _, err := fmt.Sscanf(strings.Join(cells[3:], " "), "%d of %d %d ms %d ms %d ms", &r.met, &r.of, &median, &p95, &longest); err != nil {
		return r, fmt.Errorf("%q: %w", line, err)
	}
	r.median, r.p95, r.longest = ms(median), ms(p95), ms(longest)
	return r, nil
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

const (
	page    = "../../docs/nat.md"
	picture = "../../docs/nat.svg"

	tableBegins = "<!-- measured: begin -->\n"
	tableEnds   = "<!-- measured: end -->\n"
	tableHead   = "| one side | other side | path | of trials | median | 95 of 100 | longest |\n|---|---|---|---|---|---|---|\n"
)

// splitPage returns the page's text before the table, the table, and the text after it.
func splitPage(t *testing.T) (before, table, after []byte) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(tableBegins))
	table, after, ok2 := bytes.Cut(rest, []byte(tableEnds))
	if !ok || !ok2 {
		t.Fatalf("%s has no marks around the table", page)
	}
	return before, table, after
}

// writeDocs writes the table and the picture.
func writeDocs(t *testing.T, rows []row) {
	t.Helper()
	before, _, after := splitPage(t)
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(tableBegins + tableHead)
	for _, r := range rows {
		out.WriteString(r.String() + "\n")
	}
	out.WriteString(tableEnds)
	out.Write(after)
	if err := os.WriteFile(page, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(picture, draw(rows), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The rows of the page meet the limits, and the picture matches the page.
func TestDocs(t *testing.T) {
	_, table, _ := splitPage(t)
	lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(string(table), tableHead)), "\n")
	var rows []row
	for i, a := range sides {
		for _, b := range sides[i:] {
			if len(rows) == len(lines) {
				t.Fatalf("the table has only %d rows", len(lines))
			}
			r, err := parseRow(lines[len(rows)])
			if err != nil {
				t.Fatal(err)
			}
			if w := methodOf(a, b); r.a != a.name || r.b != b.name || r.method != w.name || float64(r.met) < w.share*float64(r.of) {
				t.Errorf("row %d is %v, want %s with %s: %s", len(rows), r, a.name, b.name, w.name)
			}
			rows = append(rows, r)
		}
	}
	if len(rows) != len(lines) {
		t.Errorf("the table has %d rows, not %d", len(lines), len(rows))
	}
	drawn, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(drawn, draw(rows)) {
		t.Errorf("%s does not match the table: run the tests with -update", picture)
	}
}
