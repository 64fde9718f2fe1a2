package login_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"idms/internal/idms"
	"idms/internal/metrics"
	"idms/internal/saml"
	"idms/internal/samltest"
	"idms/internal/store"
	"idms/internal/trace"
)

// byURL makes the record one whose metadata comes from an address.
func byURL(record *idms.Record) { record.SAML.MetadataURL = "https://idp.example.test/metadata" }

// published is an upkeep that finds in the metadata what the provider has in it
// by now.
func (h *house) published(asked *int) func(context.Context, string) bool {
	return func(ctx context.Context, key string) bool {
		*asked++
		record, err := h.store.Record(ctx, key)
		if err != nil {
			h.t.Errorf("asked for %s: %v", key, err)
		}
		text := string(h.idp.Metadata())
		if text == record.SAML.Metadata {
			return false
		}
		record.SAML.Metadata = text
		source := store.MetadataSource{RecordID: record.ID, URL: record.SAML.MetadataURL}
		if err := h.store.SaveMetadata(ctx, source, &record, store.Author{Who: "metadata refresh", Now: *h.now}); err != nil {
			h.t.Error(err)
		}
		return true
	}
}

// A provider that signs with a new key before anybody read its metadata: nobody
// is sent away for that.
func TestAResponseSignedByANewKeyIsLookedAtOnceMoreWithTheMetadataOfNow(t *testing.T) {
	h := onSQLite(t, byURL)
	asked := 0
	h.AskForMetadata = h.published(&asked)
	h.idp.Keys = append([]saml.Key{samltest.Key(samltest.NextSigner)}, h.idp.Keys...)
	outcome := h.post(&browser{}, h.answer(saml.Request{ID: "_nobody"}))
	if outcome.Refusal == nil || outcome.Refusal.Code != trace.NoPendingRequest || asked != 0 {
		t.Errorf("without a request of ours: %+v, asked %d times", outcome.Refusal, asked)
	}
	b := &browser{}
	outcome = h.logIn(b)
	if asked != 1 || !h.loggedIn(b) {
		t.Errorf("asked %d times", asked)
	}
	if told := h.told(outcome.Reference); !strings.Contains(told, "metadata read again, which has changed") || !strings.Contains(told, "version 2") {
		t.Errorf("the trace does not tell:\n%s", told)
	}
	h.logIn(&browser{})
	if asked != 1 {
		t.Error("a known key is asked for")
	}

	// What the metadata does not know stays unknown, after one look.
	h.AskForMetadata = func(context.Context, string) bool { asked++; return false }
	h.idp.Keys = []saml.Key{samltest.Key(samltest.Stranger)}
	outcome = h.post(b, h.answer(h.begin(b, "/")))
	if outcome.Refusal == nil || outcome.Refusal.Code != trace.UnknownKey || asked != 2 {
		t.Errorf("signed by a stranger: %+v, asked %d times", outcome.Refusal, asked)
	}
	// Also when something else in it is new.
	h.AskForMetadata = func(context.Context, string) bool { asked++; return true }
	outcome = h.post(b, h.answer(h.begin(b, "/")))
	if outcome.Refusal == nil || outcome.Refusal.Code != trace.UnknownKey || asked != 3 {
		t.Errorf("signed by a stranger: %+v, asked %d times", outcome.Refusal, asked)
	}
}

func TestARecordWithoutAnAddressAsksNobodyAboutAnUnknownKey(t *testing.T) {
	h := onSQLite(t)
	h.AskForMetadata = func(context.Context, string) bool { t.Error("asked"); return true }
	h.idp.Keys = []saml.Key{samltest.Key(samltest.Stranger)}
	b := &browser{}
	if outcome := h.post(b, h.answer(h.begin(b, "/"))); outcome.Refusal == nil || outcome.Refusal.Code != trace.UnknownKey {
		t.Errorf("%+v", outcome)
	}
}

func TestTheCertificateThatSignedALoginIsRememberedOnceAnHour(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		used := func() time.Time {
			t.Helper()
			record, err := h.store.Record(t.Context(), "corp")
			if err != nil {
				t.Fatal(err)
			}
			uses, err := h.store.CertificateUses(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return uses[record.ID][saml.Fingerprint(samltest.Key(samltest.Signer).Certificate)].Used
		}
		if !used().IsZero() {
			t.Error("it was used before anybody logged in")
		}
		h.logIn(&browser{})
		h.wait(59 * time.Minute)
		h.logIn(&browser{})
		if got := used(); !got.Equal(noon) {
			t.Errorf("within the hour: %v", got)
		}
		h.wait(time.Minute)
		h.logIn(&browser{})
		if got := used(); !got.Equal(noon.Add(time.Hour)) {
			t.Errorf("after it: %v", got)
		}
	})
}

func TestLoginsAreCounted(t *testing.T) {
	h := onSQLite(t)
	h.Metrics = metrics.New(func(context.Context) (metrics.State, error) { return metrics.State{}, nil })
	h.logIn(&browser{})
	h.post(&browser{}, h.answer(saml.Request{ID: "_nobody"}))
	answer := httptest.NewRecorder()
	h.Metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	page := answer.Body.String()
	for _, line := range []string{
		`idms_logins_total{outcome="admitted",purpose="login",record="corp"} 1`,
		`idms_logins_total{outcome="refused",purpose="login",record="corp"} 1`,
		`idms_refusals_total{code="no_pending_request"} 1`,
		`idms_verification_seconds_count 1`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("%s is not in\n%s", line, page)
		}
	}
}
