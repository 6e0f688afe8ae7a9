package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	turn := func(seconds time.Duration) outcome {
		return outcome{bytes: 100e6, took: seconds * time.Second,
			sender: usage{time.Second, 20 << 20}, receiver: usage{2 * time.Second, 30 << 20}}
	}
	fast, slow := result{tool: "fast"}, result{tool: "slow"}
	for _, seconds := range []time.Duration{1, 4, 2} {
		fast.add(turn(seconds), nil)
	}
	cut := turn(10)
	cut.cut, cut.other = true, 25e6
	cut.trips = []time.Duration{10 * ms, 30 * ms, 20 * ms}
	slow.add(cut, nil)
	slow.add(outcome{}, errors.New("broken"))
	var b strings.Builder
	table{scenario{name: "s", title: "S", way: &way{rate: 400 * mbit}}, []result{fast, slow}}.write(&b)
	const want = `
**S** (s; the path: 50 MB/s)

| program | of the path | the other flow | round trip during it | CPU s per GB, both sides | peak MiB, both sides |  |
| --- | --- | --- | --- | --- | --- | --- |
| fast | 1.00 (0.50 to 2.00) |  |  | 10.0 + 20.0 | 20 + 30 |  |
| slow | 0.20 | 0.50 | 20 ms, 95 %: 30 ms | 10.0 + 20.0 | 20 + 30 | failed: 1 of 2, not done in time: 1 of 1 |
`
	if b.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", &b, want)
	}
	b.Reset()
	writeSummary(&b, []table{
		{scenario{name: "s", way: &way{rate: 400 * mbit}}, []result{fast, slow}},
		{scenario{name: "of one", referenceTool: "fast"}, []result{fast}},
	}, []tool{{name: "fast"}, {name: "nobody"}, {name: "slow"}})
	const summary = `
| scenario | share of | fast | slow |
| --- | --- | --- | --- |
| s | the path | 1.00 | 0.20 |
| of one | fast | 1.00 |  |
`
	if b.String() != summary {
		t.Errorf("the summary is\n%s\nwant\n%s", &b, summary)
	}
}

func TestTableWithoutYardstick(t *testing.T) {
	only := result{tool: "only"}
	only.add(outcome{bytes: 1e6, took: time.Second}, nil)
	var b strings.Builder
	table{scenario{referenceTool: "missing"}, []result{only}}.write(&b)
	if strings.Contains(b.String(), "of missing") {
		t.Errorf("the table has shares of a rate that was not measured:\n%s", &b)
	}
	if !strings.Contains(b.String(), "| 1.00 |") {
		t.Errorf("the table lacks the rate:\n%s", &b)
	}
}

func TestReadIperf(t *testing.T) {
	var o outcome
	if err := o.readIperf("warning\n{\"end\":{\"sum_received\":{\"seconds\":2.5,\"bytes\":1000}}}"); err != nil || o.bytes != 1000 || o.took != 2500*ms {
		t.Errorf("%d bytes in %v (%v)", o.bytes, o.took, err)
	}
	for _, bad := range []string{"", "{", `{"end":{}}`} {
		if err := new(outcome).readIperf(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
