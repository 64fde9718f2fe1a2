package saml

import (
	"testing"
	"time"
)

func TestM16AnInstantNeedsATimeZone(t *testing.T) {
	utc := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC()
	}
	for _, tt := range []struct{ text, want string }{ // want "": refused
		{"2026-03-14T09:26:53Z", "2026-03-14T09:26:53Z"},
		{"2026-03-14T09:26:53.1234567Z", "2026-03-14T09:26:53.1234567Z"},
		{"2026-03-14T09:26:53.123456789123Z", "2026-03-14T09:26:53.123456789Z"},
		{"2026-03-14T09:26:53+05:30", "2026-03-14T03:56:53Z"},
		{"2026-03-14T09:26:53.5-08:00", "2026-03-14T17:26:53.5Z"},
		{"2026-03-14T09:26:53", ""},
		{"2026-03-14T09:26:53.5", ""},
		{"2026-03-14 09:26:53Z", ""},
		{"2026-03-14T09:26:53,5Z", ""},
		{"2026-03-14T9:26:53Z", ""},
		{"2026-03-14T09:26Z", ""},
		{"2026-03-14", ""},
		{"2026-02-30T09:26:53Z", ""},
		{"2026-03-14T25:26:53Z", ""},
		{"2026-03-14T09:26:53z", ""},
		{"2026-03-14T09:26:53+0530", ""},
		{"2026-03-14T09:26:53Z ", ""},
		{" 2026-03-14T09:26:53Z", ""},
		{"-2026-03-14T09:26:53Z", ""},
		{"٢٠٢٦-03-14T09:26:53Z", ""},
		{"0001-01-01T00:00:00Z", ""}, // Go's zero time, which would mean "no end"
		{"1773480413", ""},
		{"", ""},
	} {
		got, ok := parseInstant(tt.text)
		if ok != (tt.want != "") || ok && got != utc(tt.want) {
			t.Errorf("%q: got %v, %v; want %q", tt.text, got, ok, tt.want)
		}
	}
}

func TestM16WindowsAreHalfOpenAlsoWhenShiftedBySkew(t *testing.T) {
	begin := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	end := begin.Add(time.Hour)
	w := window{begin, end}
	for _, skew := range []time.Duration{0, time.Minute, MaxClockSkew} {
		for _, tt := range []struct {
			now         time.Time
			early, late bool
		}{
			{begin.Add(-skew - 1), true, false},
			{begin.Add(-skew), false, false},
			{end.Add(skew - 1), false, false},
			{end.Add(skew), false, true},
		} {
			if early, late := w.early(tt.now, skew), w.late(tt.now, skew); early != tt.early || late != tt.late {
				t.Errorf("skew %v, at %v: early %v, late %v", skew, tt.now, early, late)
			}
		}
	}
	var open window
	if open.early(begin, 0) || open.late(begin, 0) {
		t.Error("a window without ends is closed")
	}
}
