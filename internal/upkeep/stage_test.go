package upkeep

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"idms/internal/audit"
	"idms/internal/saml"
	"idms/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keys are four certificates by name, made once.
var keys = sync.OnceValue(func() map[string]saml.Key {
	all := map[string]saml.Key{}
	for _, name := range []string{"old", "new", "third", "publisher"} {
		key, err := saml.NewKey(rand.Reader, name, noon.AddDate(-1, 0, 0))
		if err != nil {
			panic(err)
		}
		all[name] = key
	}
	return all
})

// idp is a provider with these certificates.
func idp(names ...string) saml.IdP {
	p := saml.IdP{EntityID: "https://idp.example/", SSO: []saml.Endpoint{{Binding: saml.Redirect, URL: "https://idp.example/sso"}}}
	for _, name := range names {
		p.Certificates = append(p.Certificates, keys()[name].Certificate)
	}
	return p
}

// words tells changes in a line, certificates by their names.
func words(changes []audit.Change) string {
	var all []string
	for _, change := range changes {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s -%s +%s", change.Field, change.From, change.To)))
	}
	text := strings.Join(all, "; ")
	for name, key := range keys() {
		text = strings.ReplaceAll(text, saml.Fingerprint(key.Certificate), name)
	}
	return text
}

func names(list []*x509.Certificate) string {
	var all []string
	for _, one := range list {
		all = append(all, one.Subject.CommonName)
	}
	return strings.Join(all, " ")
}

func TestWhatIsTakenOverAtOnceAndWhatWaits(t *testing.T) {
	trusted := evidence{trusted: true, keep: 7 * 24 * time.Hour, now: noon}
	used := trusted
	used.used = map[string]time.Time{saml.Fingerprint(keys()["old"].Certificate): noon.Add(-24 * time.Hour)}
	longAgo := trusted
	longAgo.used = map[string]time.Time{saml.Fingerprint(keys()["old"].Certificate): noon.Add(-8 * 24 * time.Hour)}
	with := func(p saml.IdP, change func(*saml.IdP)) saml.IdP { change(&p); return p }
	for _, tt := range []struct {
		name        string
		have, found saml.IdP
		evidence    evidence
		keys        string // in force after it
		sso         string // "" is as before
		changes     string
		waits       string
	}{
		{"nothing changed", idp("old"), idp("old"), trusted, "old", "", "", ""},
		{"a new certificate from a trusted document is added at once", idp("old"), idp("old", "new"), trusted, "old new", "", "certificates - +new", ""},
		{"from any other it waits", idp("old"), idp("old", "new"), evidence{now: noon}, "old", "", "", "certificates - +new"},
		{"one that is gone and signed nothing lately is dropped", idp("old", "new"), idp("new"), longAgo, "new", "", "certificates -old +", ""},
		{"one that signed a login a day ago is kept, and somebody is asked", idp("old", "new"), idp("new"), used, "new old", "", "", "certificates -old +"},
		{"a roll-over in one step keeps the one in use beside the new one", idp("old"), idp("new"), used, "new old", "", "certificates - +new", "certificates -old +"},
		{"without trust a roll-over leaves the old one, or nobody could log in", idp("old"), idp("new"), evidence{now: noon}, "old", "", "", "certificates -old +; certificates - +new"},
		{"another sign-on address waits, and the new certificate does not", idp("old"),
			with(idp("old", "new"), func(p *saml.IdP) {
				p.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://evil.example/sso"}}
			}), trusted, "old new", "",
			"certificates - +new", "sso_url -https://idp.example/sso (redirect) +; sso_url - +https://evil.example/sso (redirect)"},
		{"another path on the same host waits too", idp("old"),
			with(idp("old"), func(p *saml.IdP) {
				p.SSO = []saml.Endpoint{{Binding: saml.Redirect, URL: "https://idp.example/open?to="}}
			}), trusted, "old", "",
			"", "sso_url -https://idp.example/sso (redirect) +; sso_url - +https://idp.example/open?to= (redirect)"},
		{"the same address by another binding is no change of where people go", idp("old"),
			with(idp("old"), func(p *saml.IdP) { p.SSO = []saml.Endpoint{{Binding: saml.POST, URL: "https://idp.example/sso"}} }), trusted, "old", "https://idp.example/sso",
			"sso_url -https://idp.example/sso (redirect) +; sso_url - +https://idp.example/sso (post)", ""},
		{"a logout address on the provider's host is taken over", idp("old"),
			with(idp("old"), func(p *saml.IdP) { p.Logout = []saml.Endpoint{{Binding: saml.POST, URL: "https://idp.example/slo"}} }), trusted, "old", "",
			"slo_url - +https://idp.example/slo (post)", ""},
		{"on another host it waits", idp("old"),
			with(idp("old"), func(p *saml.IdP) { p.Logout = []saml.Endpoint{{Binding: saml.POST, URL: "https://evil.example/slo"}} }), trusted, "old", "",
			"", "slo_url - +https://evil.example/slo (post)"},
		{"with another entity ID everything waits", idp("old"),
			with(idp("old", "new"), func(p *saml.IdP) { p.EntityID = "https://other.example/" }), trusted, "old", "",
			"", "issuer -https://idp.example/ +https://other.example/; certificates - +new"},
		{"name ID formats and wishes are taken over", idp("old"),
			with(idp("old"), func(p *saml.IdP) { p.NameIDFormats, p.WantRequestsSigned = []string{"urn:a"}, true }), evidence{now: noon}, "old", "",
			"name_id_formats - +urn:a; want_requests_signed -false +true", ""},
	} {
		got := stage(tt.have, tt.found, tt.evidence)
		if names(got.next.Certificates) != tt.keys || words(got.changes) != tt.changes || words(got.waits) != tt.waits {
			t.Errorf("%s:\n keys %q, want %q\n changes %q\n want    %q\n waits %q\n want  %q", tt.name,
				names(got.next.Certificates), tt.keys, words(got.changes), tt.changes, words(got.waits), tt.waits)
		}
		if sso := got.next.SSO[0].URL; got.next.EntityID != tt.have.EntityID || sso != tt.have.SSO[0].URL && sso != tt.sso {
			t.Errorf("%s: people are sent to %s of %s", tt.name, sso, got.next.EntityID)
		}
	}
}

func TestMetadataIsReadAgainInTime(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name    string
		setting time.Duration
		source  store.MetadataSource
		want    time.Duration
	}{
		{"daily when nobody says anything", 0, store.MetadataSource{}, day},
		{"as the record says", 6 * time.Hour, store.MetadataSource{}, 6 * time.Hour},
		{"sooner when the provider says so", 6 * time.Hour, store.MetadataSource{Fresh: time.Hour}, time.Hour},
		{"but not later", 6 * time.Hour, store.MetadataSource{Fresh: 30 * day}, 6 * time.Hour},
		{"and never more than every quarter of an hour", 0, store.MetadataSource{Fresh: time.Second}, 15 * time.Minute},
		{"half of the way to the end is left", 0, store.MetadataSource{Fetched: noon, ValidUntil: noon.Add(4 * time.Hour)}, 2 * time.Hour},
		{"an end that is near does not make it frantic", 0, store.MetadataSource{Fetched: noon, ValidUntil: noon.Add(time.Minute)}, 15 * time.Minute},
	} {
		if got := refreshEvery(tt.setting, tt.source); got != tt.want {
			t.Errorf("%s: every %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAWarningComesAt60_30_14_7And1Days(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		left time.Duration
		want int
	}{{61 * day, 0}, {60 * day, 60}, {31 * day, 60}, {30 * day, 30}, {15 * day, 30}, {14 * day, 14}, {8 * day, 14}, {7 * day, 7}, {25 * time.Hour, 7}, {day, 1}, {-day, 1}} {
		if got := warning(tt.left); got != tt.want {
			t.Errorf("%v left: %d, want %d", tt.left, got, tt.want)
		}
	}
	var told []int
	warned := 0
	for _, stage := range []int{60, 60, 30, 14, 14, 7, 1, ended, ended} {
		if later(stage, warned) {
			told, warned = append(told, stage), stage
		}
	}
	if !slices.Equal(told, []int{60, 30, 14, 7, 1, ended}) {
		t.Errorf("told at %v", told)
	}
}
