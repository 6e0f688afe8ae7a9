package cmd

import "p2ptool/p2p"

type (
	doctorEvent struct {
		pathFields
		Here    doctorView  `json:"here"`
		There   *doctorView `json:"there,omitempty"`
		Silence string      `json:"silence,omitempty"` // why there is no "there"
		Remedy  string      `json:"remedy,omitempty"`  // what would make it direct
		So      string      `json:"so"`                // the conclusion, as a sentence
	}
	doctorView struct {
		Mapping    string            `json:"mapping"`
		Filtering  string            `json:"filtering"`
		Stride     int16             `json:"stride,omitempty"`
		Candidates []doctorCandidate `json:"candidates"`
		Tried      []doctorTried     `json:"tried"`
	}
	doctorCandidate struct {
		Kind string `json:"kind"`
		Addr string `json:"addr"`
	}
	doctorTried struct {
		Path  string  `json:"path"`
		Addr  string  `json:"addr"`
		State string  `json:"state"` // untested, valid or lost
		Pings int     `json:"pings"`
		RTT   float64 `json:"rtt_ms,omitempty"`
		Heard bool    `json:"heard"` // packets from there arrive, but ours are not answered
		InUse bool    `json:"in_use"`

		Carries int  `json:"carries,omitempty"` // bytes of the largest packet that got through
		Limited bool `json:"limited,omitempty"` // longer ones do not get through
	}
)

func (doctorEvent) event() string { return "doctor" }

func (p *program) doctorOf(peer p2p.GUID, f finding) doctorEvent {
	e := doctorEvent{
		pathFields: p.fieldsOf(peer, f.path), Here: doctorViewOf(f.here), Silence: f.silence,
		Remedy: f.diagnosis.Remedy, So: f.diagnosis.String(),
	}
	e.Why = f.diagnosis.Why
	if f.there != nil {
		there := doctorViewOf(*f.there)
		e.There = &there
	}
	return e
}

func doctorViewOf(v p2p.View) doctorView {
	d := doctorView{
		Mapping: v.NAT.Mapping.String(), Filtering: v.NAT.Filtering.String(), Stride: v.NAT.Stride,
		Candidates: []doctorCandidate{}, Tried: []doctorTried{},
	}
	for _, c := range v.Candidates {
		d.Candidates = append(d.Candidates, doctorCandidate{c.Kind.String(), c.Addr.String()})
	}
	for _, t := range v.Paths {
		d.Tried = append(d.Tried, doctorTried{
			t.Kind.String(), t.Addr.String(), t.State.String(), t.Pings, milliseconds(t.RTT), t.Heard, t.InUse,
			t.Carries, t.Limited,
		})
	}
	return d
}
