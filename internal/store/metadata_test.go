package store

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/saml"
)

// newDraft makes a record that its check takes.
func newDraft(t testing.TB, s *Store, key string) idms.Record {
	t.Helper()
	draft := sample(key)
	draft.State = idms.Draft
	_, err := s.Apply(ctx, idms.File{Records: []idms.Record{draft}}, bob)
	must(t, err)
	record, err := s.Record(ctx, key)
	must(t, err)
	return record
}

func TestWhatWasReadFromAMetadataAddressIsRemembered(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newDraft(t, s, "acme")
		const url = "https://idp.example/metadata"
		if none, err := s.MetadataSource(ctx, acme.ID, url); err != nil || !reflect.DeepEqual(none, MetadataSource{RecordID: acme.ID, URL: url}) {
			t.Errorf("nothing was read, and %+v is remembered (%v)", none, err)
		}
		source := MetadataSource{
			RecordID: acme.ID, URL: url, Fetched: noon, Fresh: 6 * time.Hour, ValidUntil: noon.Add(day), ETag: `"7"`, Modified: "yesterday", Asked: noon.Add(-day),
			Waiting: "<md:EntityDescriptor/>", WaitingSince: noon, WaitingFor: []audit.Change{{Field: "issuer", From: "a", To: "b"}},
		}
		changed := acme
		changed.Name = "Acme, moved"
		event := audit.Event{At: noon, Action: audit.MetadataRefreshed, Who: "metadata refresh", Record: "acme"}
		must(t, s.SaveMetadata(ctx, source, &changed, bob, event))
		if got, err := s.MetadataSource(ctx, acme.ID, url); err != nil || !reflect.DeepEqual(got, source) {
			t.Errorf("it comes back as %+v (%v)", got, err)
		}
		if all, err := s.MetadataSources(ctx); err != nil || !reflect.DeepEqual(all[acme.ID], source) || len(all) != 1 {
			t.Errorf("all: %+v (%v)", all, err)
		}
		if now, err := s.Record(ctx, "acme"); err != nil || now.Name != changed.Name || now.Version != acme.Version+1 {
			t.Errorf("the record is %q, version %d (%v)", now.Name, now.Version, err)
		}
		if events, _, err := s.Events(ctx, EventFilter{Record: "acme"}, "", 1); err != nil || events[0].Action != audit.MetadataRefreshed {
			t.Errorf("the audit trail has %+v (%v)", events, err)
		}

		// Somebody was quicker: nothing of it is written.
		before := counts(t, s)
		source.ETag = `"8"`
		if err := s.SaveMetadata(ctx, source, &changed, bob, event); !errors.Is(err, ErrStale) {
			t.Errorf("over a newer version: %v", err)
		}
		broken, err := s.Record(ctx, "acme")
		must(t, err)
		broken.SAML.Metadata = "<html>"
		if err := s.SaveMetadata(ctx, source, &broken, bob, event); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a record that its check refuses: %v", err)
		}
		if got, _ := s.MetadataSource(ctx, acme.ID, url); got.ETag != `"7"` || counts(t, s) != before {
			t.Error("a part was written")
		}
		if other, err := s.MetadataSource(ctx, acme.ID, url+"2"); err != nil || other.ETag != "" {
			t.Errorf("another address begins with %+v (%v)", other, err)
		}
	})
}

func TestOfLoginsThatAskForMetadataAtOnceOneIsLet(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		ask := func(at time.Time) int {
			var let atomic.Int64
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					mine, err := s.AskForMetadata(ctx, acme.ID, "https://idp.example/metadata", at, at.Add(-5*time.Minute))
					if err != nil {
						t.Error(err)
					}
					if mine {
						let.Add(1)
					}
				})
			}
			all.Wait()
			return int(let.Load())
		}
		for _, tt := range []struct {
			after time.Duration
			want  int
		}{{0, 1}, {time.Minute, 0}, {5 * time.Minute, 1}} {
			if got := ask(noon.Add(tt.after)); got != tt.want {
				t.Errorf("after %v: %d are let, want %d", tt.after, got, tt.want)
			}
		}
	})
}

// A file names the address, and what it said is not the file's to undo.
func TestApplyingAFileKeepsWhatTheMetadataAddressSaid(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		const read = "<md:EntityDescriptor/>"
		acme := sample("acme")
		acme.SAML.Metadata = read
		acme.SAML.MetadataURL = "https://idp.example/metadata"
		apply := func(record idms.Record) (Applied, error) {
			return s.Apply(ctx, idms.File{Records: []idms.Record{record}}, bob)
		}
		if _, err := apply(acme); err != nil {
			t.Fatal(err)
		}
		bare := acme
		bare.SAML.Metadata = ""
		if applied, err := apply(bare); err != nil || applied.Any() {
			t.Errorf("the file alone changes %+v (%v)", applied.Records, err)
		}
		if now, err := s.Record(ctx, "acme"); err != nil || now.SAML.Metadata != read {
			t.Errorf("the metadata is gone (%v)", err)
		}
		elsewhere := bare
		elsewhere.SAML.MetadataURL += "2"
		if _, err := apply(elsewhere); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "record acme") {
			t.Errorf("another address that nobody has read: %v", err)
		}
		elsewhere.State = idms.Draft
		if _, err := apply(elsewhere); err != nil {
			t.Errorf("a draft may wait for it: %v", err)
		}
	})
}

func TestWhatIsRememberedOfAProviderGoesWithItsRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newDraft(t, s, "acme")
		must(t, s.SaveMetadata(ctx, MetadataSource{RecordID: acme.ID, URL: "https://idp.example/"}, nil, bob))
		must(t, s.NoteCertificateUse(ctx, acme.ID, "ab12", noon))
		must(t, s.NoteCertificateWarning(ctx, acme.ID, "ab12", 30))
		must(t, s.NoteCertificateWarning(ctx, acme.ID, "cd34", 7))
		must(t, s.NoteCertificateUse(ctx, acme.ID, "ab12", noon.Add(time.Hour)))
		uses, err := s.CertificateUses(ctx)
		if want := (map[string]CertificateUse{"ab12": {noon.Add(time.Hour), 30}, "cd34": {time.Time{}, 7}}); err != nil || !reflect.DeepEqual(uses[acme.ID], want) {
			t.Errorf("%+v (%v)", uses, err)
		}
		_, err = s.ApplyWith(ctx, idms.File{Records: []idms.Record{sample("globex")}}, bob, How{Prune: true})
		must(t, err)
		if count(t, s, "metadata_sources") != 0 || count(t, s, "certificate_uses") != 0 {
			t.Error("something is remembered of a deleted record")
		}
	})
}

func TestTheKeysOfARecordKnowTheirPart(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		acme := newRecord(t, s, "acme", "platform")
		parts := func() (all []KeyPart) {
			t.Helper()
			ring, err := s.SPKeyring(ctx, acme.ID)
			must(t, err)
			for _, key := range ring {
				if key.Next != (key.Part == NextKey) || key.Since.IsZero() || saml.Fingerprint(key.Certificate) == "" {
					t.Errorf("%+v", key)
				}
				all = append(all, key.Part)
			}
			return all
		}
		expect := func(want ...KeyPart) {
			t.Helper()
			if got := parts(); !reflect.DeepEqual(got, want) {
				t.Errorf("the keys are %q, want %q", got, want)
			}
		}
		expect(CurrentKey)
		must(t, s.AnnounceSPKey(ctx, "acme", bob))
		expect(CurrentKey, NextKey)
		must(t, s.SwitchSPKey(ctx, "acme", bob))
		expect(CurrentKey, FormerKey)
		must(t, s.AnnounceSPKey(ctx, "acme", bob))
		expect(CurrentKey, NextKey, FormerKey)
		must(t, s.RetireSPKeys(ctx, "acme", bob))
		expect(CurrentKey, NextKey)
		if now, err := s.Edition(ctx, "acme"); err != nil || now.Version != acme.Version+4 {
			t.Errorf("version %d (%v): what was compiled with other keys must be stale", now.Version, err)
		}
	})
}
