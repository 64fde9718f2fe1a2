package store

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/trace"
)

func TestAnEventIsKeptWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		event := audit.Event{
			At: noon, Action: audit.LoginRefused, Alarm: true, Who: "bob", Address: "192.0.2.7",
			Record: "acme", User: NewID(), Group: "platform", Trace: NewRef(), Code: trace.VerifierFailed,
			Reason: "ticket 7", Changes: []audit.Change{{Field: "name", From: "a", To: "b"}},
		}
		must(t, s.InTx(ctx, func(tx *Tx) error { return tx.Audit(event, audit.Event{At: noon.Add(time.Second)}) }))
		got := allEvents(t, s)
		event.ID = got[0].ID
		if len(got) != 2 || !reflect.DeepEqual(got[0], event) || !isID(event.ID) {
			t.Errorf("got  %+v\nwant %+v", got, event)
		}
	})
}

func TestTheTrailIsReadPageByPageWhileItGrows(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		write := func(reason string, at time.Time) {
			must(t, s.Audit(ctx, audit.Event{At: at, Action: audit.LoggedIn, Reason: reason}))
		}
		for i := range 5 {
			// Two share each instant.
			write(fmt.Sprint(i), noon.Add(time.Duration(i/2)*time.Second))
		}
		var read []string
		cursor, pages := "", 0
		for {
			page, next, err := s.Events(ctx, EventFilter{}, cursor, 2)
			must(t, err)
			for _, event := range page {
				read = append(read, event.Reason)
			}
			pages++
			write("new", noon.Add(time.Hour))
			if cursor = next; cursor == "" {
				break
			}
		}
		slices.Sort(read)
		if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(read, want) || pages != 3 {
			t.Errorf("%d pages hold %q, want %q once each", pages, read, want)
		}
		for _, odd := range []string{"x", "1", "1.", "9999999999999999999." + NewID(), "1.x"} {
			if _, _, err := s.Events(ctx, EventFilter{}, odd, 2); fault.KindOf(err) != fault.Invalid {
				t.Errorf("cursor %q: %v", odd, err)
			}
		}
	})
}

func TestTheTrailIsNewestFirstAndFiltered(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ada := NewID()
		must(t, s.Audit(ctx,
			audit.Event{At: noon, Reason: "1", User: ada, Record: "acme"},
			audit.Event{At: noon.Add(2 * time.Second), Reason: "3", Record: "acme", Alarm: true},
			audit.Event{At: noon.Add(time.Second), Reason: "2", User: ada, Record: "beta"},
		))
		for _, tt := range []struct {
			filter EventFilter
			want   []string
		}{
			{EventFilter{}, []string{"3", "2", "1"}},
			{EventFilter{User: ada}, []string{"2", "1"}},
			{EventFilter{Record: "acme"}, []string{"3", "1"}},
			{EventFilter{User: ada, Record: "acme"}, []string{"1"}},
			{EventFilter{Alarms: true}, []string{"3"}},
			{EventFilter{User: "nobody"}, nil},
		} {
			page, _, err := s.Events(ctx, tt.filter, "", 0xffff)
			var got []string
			for _, event := range page {
				got = append(got, event.Reason)
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%+v: %q (%v), want %q", tt.filter, got, err, tt.want)
			}
		}
	})
}

func TestEveryEventOfAFilterIsGoneThroughOrNone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		var list []audit.Event
		for i := range 1100 {
			list = append(list, audit.Event{At: noon.Add(time.Duration(i) * time.Second), Action: audit.JobFailed, Who: "system"})
		}
		must(t, s.Audit(ctx, append(list, audit.Event{At: noon, Action: audit.GroupCreated, Who: "grace", Group: "ops"})...))
		count := func(filter EventFilter, most int) (n int) {
			t.Helper()
			must(t, s.EachEvent(ctx, filter, func(audit.Event) bool { n++; return n < most }))
			return n
		}
		for _, tt := range []struct {
			filter     EventFilter
			most, want int
		}{
			{EventFilter{}, 5000, 1101}, {EventFilter{Action: audit.JobFailed}, 5000, 1100}, {EventFilter{Who: "grace"}, 5000, 1},
			{EventFilter{Group: "ops"}, 5000, 1}, {EventFilter{Who: "gr"}, 5000, 0}, {EventFilter{Who: "\x00"}, 5000, 0}, {EventFilter{}, 7, 7},
		} {
			if got := count(tt.filter, tt.most); got != tt.want {
				t.Errorf("%+v: %d events, want %d", tt.filter, got, tt.want)
			}
		}
		actions, authors, err := s.EventChoices(ctx)
		must(t, err)
		if fmt.Sprint(actions, authors) != "[group_created job_failed] [grace system]" {
			t.Errorf("the choices are %v and %v", actions, authors)
		}
	})
}

func TestAccountsAreFoundByUsernameInWhateverRecordS40(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		people(t, s, newRecord(t, s, "acme"), "Ada", "adam")
		people(t, s, newRecord(t, s, "corp"), "ada")
		for name, want := range map[string]int{"ADA": 2, "adam": 1, "ad": 0, "": 0, "a\x00": 0, strings.Repeat("a", 5000): 0} {
			if list, err := s.Named(ctx, name); err != nil || len(list) != want {
				t.Errorf("%.20q: %v, %v", name, list, err)
			}
		}
	})
}
