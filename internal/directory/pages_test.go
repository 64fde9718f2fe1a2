package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/internal/ldapsync"
	"idms/internal/store"
)

// told is how far the runs of acme are, as any process reads it.
func (s *site) told() []store.Progress {
	s.Helper()
	record, err := s.Store.Record(s.Context(), "acme")
	if err != nil {
		s.Fatal(err)
	}
	list, err := s.Store.Underway(s.Context(), record.ID, s.now)
	if err != nil {
		s.Fatal(err)
	}
	return list
}

func TestHowFarARunIsCanBeReadByOtherProcessesUntilItEnds(t *testing.T) {
	onBoth(t, three, func(s *site) {
		var while []string
		s.directory.reading = func() {
			for _, one := range s.told() {
				while = append(while, fmt.Sprintf("%s %s by %s, rehearsal %v", one.Phase, one.Cause, one.Who, one.Rehearsal))
			}
		}
		s.sync("", store.RunHeld)
		if want := []string{"connect command line by bob, rehearsal false"}; !slices.Equal(while, want) {
			t.Errorf("while it runs others read %q, want %q", while, want)
		}
		if left := s.told(); len(left) != 0 {
			t.Errorf("after its end they read %+v", left)
		}

		s.directory.fail = errors.New("it fails")
		if _, err := s.try(Request{}); err == nil {
			t.Fatal("a directory that fails can be read")
		}
		if left := s.told(); len(left) != 0 {
			t.Errorf("after a failure they read %+v", left)
		}

		s.directory.fail = nil
		while = nil
		if _, err := s.try(Request{DryRun: true}); err != nil || len(while) != 0 {
			t.Errorf("a dry run that nobody keeps writes %q, %v", while, err)
		}
	})
}

func TestProgressIsWrittenOnceASecondAndAtEachPhase(t *testing.T) {
	onBoth(t, three, func(s *site) {
		record, err := s.Store.Record(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		turn := &turn{Sync: s.of, edition: store.Edition{ID: record.ID, Key: "acme"}, run: store.Run{ID: store.NewID(), Began: s.now}}
		if err := turn.tellAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after   time.Duration
			say     Progress
			entries int
		}{
			{0, Progress{Phase: "people", Entries: 10}, 10},                        // another phase
			{999 * time.Millisecond, Progress{Phase: "people", Entries: 20}, 10},   // too soon
			{time.Millisecond, Progress{Phase: "people", Entries: 30}, 30},         // a second later
			{time.Millisecond, Progress{Phase: Applying}, 0},                       // another phase
			{time.Minute, Progress{Phase: Applying, Entries: 5, Expected: 100}, 5}, // at last
		} {
			s.now = s.now.Add(step.after)
			turn.tell(t.Context(), step.say)
			told := s.told()
			if len(told) != 1 || told[0].Phase != step.say.Phase || told[0].Entries != step.entries {
				t.Errorf("after %+v others read %+v", step.say, told)
			}
		}
		// Whose process died is forgotten when the next one begins, and no longer shown
		// when nothing was heard of it for long.
		next := *turn
		next.run.ID = store.NewID()
		if err := next.tellAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		turn.tell(t.Context(), Progress{Phase: "groups"})
		if told := s.told(); len(told) != 1 || told[0].Run != next.run.ID {
			t.Errorf("others read %+v", told)
		}
		s.now = s.now.Add(time.Hour)
		if told := s.told(); len(told) != 0 {
			t.Errorf("after an hour of silence others read %+v", told)
		}
	})
}

// take begins the run of a job that somebody asked for, as a service does.
func (s *site) take(name string) {
	s.Helper()
	states, err := s.Store.Jobs(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if taken, err := s.Store.TakeJob(s.Context(), name, states[name].Turn, s.now, s.now.Add(time.Hour)); err != nil || !taken {
		s.Fatalf("the job %q is not taken: %v", name, err)
	}
}

func (s *site) end(name string, turn int64) {
	s.Helper()
	if _, _, err := s.Store.EndJob(s.Context(), name, turn, s.now, ""); err != nil {
		s.Fatal(err)
	}
}

func TestARunIsInTheNameOfWhoeverAskedForItAndTheNextOneIsNot(t *testing.T) {
	onBoth(t, three, func(s *site) {
		by := byBob
		by.Now = s.now
		if err := s.of.Ask(t.Context(), "acme", ByAPI, by); err != nil {
			t.Fatal(err)
		}
		job := JobName("acme")
		for i, want := range []string{"api bob", "schedule "} {
			s.now = s.now.Add(time.Minute)
			s.take(job)
			if err := s.of.RunJob(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			s.end(job, int64(i))
			runs, _, err := s.Store.Runs(t.Context(), "acme", "", 1)
			if err != nil || runs[0].Cause+" "+runs[0].Who != want {
				t.Errorf("run %d is by %q, %v, want %q", i, runs[0].Cause+" "+runs[0].Who, err, want)
			}
		}
		events, _, err := s.Store.Events(t.Context(), store.EventFilter{Record: "acme", Action: "directory_asked"}, "", 10)
		if err != nil || len(events) != 1 || events[0].Who != "bob" || events[0].Reason != "ticket 7" || events[0].Changes[0].To != ByAPI {
			t.Errorf("the audit trail has %+v, %v", events, err)
		}
	})
}

func TestARehearsalIsKeptInPlaceOfTheLastOneAndIsNoRun(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		record, err := s.Store.Record(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		before, err := s.Store.Standing(t.Context(), record.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.directory.people = append(s.directory.people, entry{"d", "dora", ""})
		for range 2 {
			s.now = s.now.Add(time.Minute)
			by := byBob
			by.Now = s.now
			if err := s.of.AskRehearsal(t.Context(), "acme", ByPage, by); err != nil {
				t.Fatal(err)
			}
			if waiting, err := s.of.Rehearsals(t.Context()); err != nil || len(waiting) != 1 || waiting[0].Key != "acme" {
				t.Fatalf("waiting are %v, %v", waiting, err)
			}
			s.take(RehearsalName("acme"))
			if err := s.of.RunRehearsal(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			states, err := s.Store.Jobs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.end(RehearsalName("acme"), states[RehearsalName("acme")].Turn-1)
			if waiting, err := s.of.Rehearsals(t.Context()); err != nil || len(waiting) != 0 {
				t.Errorf("waiting are still %v, %v", waiting, err)
			}
		}
		runs, _, err := s.Store.Runs(t.Context(), "acme", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		var outcomes []string
		for _, run := range runs {
			outcomes = append(outcomes, string(run.Outcome))
		}
		if got := strings.Join(outcomes, " "); strings.Count(got, "rehearsed") != 1 {
			t.Errorf("the history is %q", got)
		}
		last, err := s.Store.Run(t.Context(), "acme", "rehearsed")
		if err != nil || last.Who != "bob" || last.Counts[ldapsync.AddPerson] != 1 {
			t.Errorf("the rehearsal is %+v, %v", last, err)
		}
		if after, err := s.Store.Standing(t.Context(), record.ID); err != nil || after.Last.ID != before.Last.ID || after.State != before.State {
			t.Errorf("it counts as a run: %+v, %v", after, err)
		}
		if got := s.person("dora"); strings.HasPrefix(got, "dora") {
			t.Errorf("it has made dora: %q", got)
		}

		s.directory.fail = &ldapsync.Fault{Phase: ldapsync.ReadingPeople, Code: ldapsync.Busy, Sentence: "The directory is busy."}
		s.now = s.now.Add(time.Minute)
		if err := s.of.RunRehearsal(t.Context(), "acme"); err != nil {
			t.Errorf("what a rehearsal found is an error of the job: %v", err)
		}
		if last, err := s.Store.Run(t.Context(), "acme", "rehearsed"); err != nil || last.Code != string(ldapsync.Busy) || last.Error == "" {
			t.Errorf("the rehearsal that failed is %+v, %v", last, err)
		}
	})
}

// L6: what holds a plan comes first, and each line comes once, whatever the page.
func TestTheLinesThatHoldAPlanComeFirst(t *testing.T) {
	onBoth(t, func() *paper { return company(60, 4, 30) }, func(s *site) {
		s.first()
		s.directory.people = s.directory.people[10:]
		s.directory.people = append(s.directory.people, entry{"new", "aaron", ""})
		run := s.sync("", store.RunHeld).Run
		read := func(filter ldapsync.LineFilter, size int) (lines []store.Line) {
			t.Helper()
			for cursor := ""; ; {
				page, next, err := s.Store.RunLines(t.Context(), run, filter, cursor, size)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, page...)
				if next == "" {
					return lines
				}
				cursor = next
			}
		}
		all := read(ldapsync.LineFilter{}, 500)
		for _, size := range []int{1, 3, 7} {
			if got := fmt.Sprint(changesOf(read(ldapsync.LineFilter{}, size))); got != fmt.Sprint(changesOf(all)) {
				t.Errorf("read %d at a time the lines are others", size)
			}
		}
		held := 0
		for i, line := range all {
			if line.Held {
				if held++; held != i+1 {
					t.Errorf("line %d holds the plan, and comes after one that does not", i)
				}
			}
		}
		if held != 10 || run.Counts[ldapsync.GonePerson] != 10 {
			t.Errorf("%d lines hold it; counts %v", held, run.Counts)
		}
		if free := read(ldapsync.LineFilter{Held: ldapsync.OnlyFree}, 500); len(free)+held != len(all) {
			t.Errorf("%d lines do not hold it, of %d", len(free), len(all))
		}
		if found := read(ldapsync.LineFilter{Text: "AARON"}, 500); len(found) != 1 || found[0].Kind != ldapsync.AddPerson {
			t.Errorf("the text finds %+v", found)
		}
		if found := read(ldapsync.LineFilter{Kind: ldapsync.GonePerson, Text: "user000003"}, 500); len(found) != 1 {
			t.Errorf("kind and text find %+v", found)
		}
		if found := read(ldapsync.LineFilter{Kind: "\x00"}, 500); len(found) != 0 {
			t.Errorf("a kind that is none finds %+v", found)
		}
		if _, _, err := s.Store.RunLines(t.Context(), run, ldapsync.LineFilter{}, "17.1", 5); err == nil {
			t.Error("a page that is none can be read")
		}
	})
}

func changesOf(lines []store.Line) (list []ldapsync.Change) {
	for _, line := range lines {
		list = append(list, line.Change)
	}
	return list
}

// Every record has its row, in as many statements for two hundred as for one.
func TestWhereAllDirectoriesStandIsTheSameAsWhereEachStands(t *testing.T) {
	onBoth(t, three, func(s *site) {
		s.first()
		s.directory.fail = &ldapsync.Fault{Code: ldapsync.Busy, Sentence: "The directory is busy."}
		if _, err := s.try(Request{}); err == nil {
			t.Fatal("a busy directory can be read")
		}
		record, err := s.Store.Record(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Store.Standings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		one, err := s.Store.Standing(t.Context(), record.ID)
		if err != nil || fmt.Sprint(all[record.ID]) != fmt.Sprint(one) {
			t.Errorf("%+v and %+v, %v", all[record.ID], one, err)
		}
		if one.Last.Outcome != store.RunFailed || one.Whole.Outcome != store.RunApplied || one.Waits() {
			t.Errorf("it stands at %s, %s", one.Last.Outcome, one.Whole.Outcome)
		}
		holds, err := s.Store.Holds(t.Context(), store.Edition{ID: record.ID, Key: "acme"})
		if want := (store.Holds{People: 2, Off: 1, Groups: 2, Members: 4, Memberships: 4}); err != nil || holds != want {
			t.Errorf("it holds %+v, %v, want %+v", holds, err, want)
		}
	})
}
