package store

import (
	"testing"
	"time"

	"idms/internal/fault"
	"idms/internal/idms"
)

func TestTheListOfRecordsIsFilteredAndOrderedAndReadPageByPage(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		var file idms.File
		for _, one := range []struct {
			key, name string
			state     idms.State
		}{{"acme", "Zeta Works", idms.Active}, {"corp", "acorn", idms.Active}, {"globex", "Globex", idms.Disabled}, {"per-cent", "100 % Sûr", idms.Draft}, {"twin", "Globex", idms.Draft}} {
			record := sample(one.key)
			record.Name, record.State = one.name, one.state
			file.Records = append(file.Records, record)
		}
		_, err := s.Apply(ctx, file, bob)
		must(t, err)
		people(t, s, edition(t, s, "acme"), "ada", "grace") // who never logged in
		loggedIn(t, s, edition(t, s, "corp"), "zoe")

		find := func(filter RecordFilter) string {
			return pages(t, func(cursor string) ([]Summary, string, error) { return s.Summaries(ctx, filter, cursor, 2) },
				func(one Summary) string { return one.Key })
		}
		for _, tt := range []struct {
			filter RecordFilter
			want   string
		}{
			{RecordFilter{}, "per-cent corp globex twin acme"},
			{RecordFilter{Order: ByPeople}, "acme corp twin per-cent globex"},
			{RecordFilter{Order: ByLastLogin}, "corp twin per-cent globex acme"},
			{RecordFilter{State: idms.Draft}, "per-cent twin"},
			{RecordFilter{Search: "GLOB"}, "globex twin"},
			{RecordFilter{Search: "glob", State: idms.Draft, Order: ByPeople}, "twin"},
			{RecordFilter{Search: "%"}, "per-cent"},
			{RecordFilter{Search: "Sûr"}, "per-cent"},
			{RecordFilter{Search: "Local"}, ""},
		} {
			if got := find(tt.filter); got != tt.want {
				t.Errorf("%+v finds %q, want %q", tt.filter, got, tt.want)
			}
		}
		list, _, err := s.Summaries(ctx, RecordFilter{Search: "a"}, "", 10)
		must(t, err)
		for _, one := range list {
			want := map[string]Summary{"corp": {People: 1, LastLogin: noon}, "acme": {People: 2}}[one.Key]
			if one.People != want.People || !one.LastLogin.Equal(want.LastLogin) || one.HasIcon || one.Edition != edition(t, s, one.Key) {
				t.Errorf("%s is %+v", one.Key, one)
			}
		}
		all, err := s.AllEditions(ctx)
		must(t, err)
		if len(all) != 5 || all[0].Key != "acme" || all[4].Key != "twin" {
			t.Errorf("all are %v", all)
		}
		for _, odd := range []struct{ filter, cursor string }{{"people", cursorOf("x", "acme")}, {"size", ""}, {"name", "x"}} {
			if _, _, err := s.Summaries(ctx, RecordFilter{Order: RecordOrder(odd.filter)}, odd.cursor, 2); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v: %v", odd, err)
			}
		}
	})
}

func TestTheListOfRecordsAsksOnceHoweverManyThereAre(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for _, key := range []string{"acme", "corp", "globex"} {
			loggedIn(t, s, newRecord(t, s, key), "ada")
		}
		if got := readings(s, func() {
			_, _, err := s.Summaries(ctx, RecordFilter{}, "", 50)
			must(t, err)
		}); got != 1 {
			t.Errorf("%d statements, want 1", got)
		}
	})
}

func TestTheLastRunOfEachDirectoryIsFoundWhateverItsHistory(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, corp := newRecord(t, s, "acme"), newRecord(t, s, "corp")
		newRecord(t, s, "globex")
		for i, outcome := range []RunOutcome{RunFailed, RunUnchanged, RunFailed} {
			began := noon.Add(time.Duration(i) * time.Hour)
			must(t, s.SaveRun(ctx, acme, Run{ID: NewID(), Record: "acme", Began: began, Ended: began.Add(time.Minute), Outcome: outcome}, nil))
		}
		must(t, s.SaveRun(ctx, corp, Run{ID: NewID(), Record: "corp", Began: noon, Ended: noon, Outcome: RunUnchanged}, nil))
		last, err := s.LastRuns(ctx, []string{"acme", "globex", "nothing", "\x00"})
		must(t, err)
		if len(last) != 1 || last["acme"].Outcome != RunFailed || !last["acme"].Began.Equal(noon.Add(2*time.Hour)) {
			t.Errorf("the last runs are %v", last)
		}
	})
}

func TestOpenSessionsOfARecordAreCountedS53(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme, corp := newRecord(t, s, "acme"), newRecord(t, s, "corp")
		loggedIn(t, s, acme, "ada")
		loggedIn(t, s, acme, "grace")
		loggedIn(t, s, corp, "ada")
		for after, want := range map[time.Duration]int{time.Minute: 2, 24 * time.Hour: 0} {
			got, err := s.OpenSessions(ctx, acme.ID, noon.Add(after))
			must(t, err)
			if got != want {
				t.Errorf("after %v %d are open, want %d", after, got, want)
			}
		}
	})
}
