package web

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"

	"idms/docs"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/store"
	"idms/internal/trace"
	"idms/internal/users"
)

// A connection is set up in three steps, on one page that grows: our values, to be
// entered at the provider; the provider's, to be read here; and the mapping, with a
// test login before the record is switched on. The first step makes a draft, so that
// a set-up can be left and found again at its address.

// setUpRoot is no record's page: "new" may well be a record's key.
const setUpRoot = adminPath + "/set-up"

// adminSetUpPage is a set-up, as far as it has come.
type adminSetUpPage struct {
	adminFrame
	form
	At       vendor
	Words    []option
	Provider string // whose words are shown, as forms name it

	// The first step, before there is a draft.
	Name, Key typedField
	Drafts    []recordRow

	// Afterwards.
	Record  recordRow // "" as its key before that
	Address string    // of this page
	Seen    int
	Ours    []ourValue

	// The second step.
	Theirs   []typedField
	ByHand   []typedField
	Metadata typedField
	Card     *providerCard // in force
	Preview  *providerCard // of what was entered; not saved

	// The third.
	Mapping   []typedField
	Suggested bool // the mapping is the usual one, and not saved yet
	Test      *setUpTest
	Warnings  []warned
	Ready     bool // a mapping is saved: a test login can begin
	Passed    bool // the test that is shown has passed, with the version in force
}

func (adminSetUpPage) file() string { return "admin_setup.html" }

// A test login ends at the provider, and begins with a form.
func (p adminSetUpPage) formsTo() string {
	if p.Test != nil && p.Test.Begin != "" {
		return anyForms
	}
	return ownForms
}

// Named is the provider in a sentence.
func (p adminSetUpPage) Named() string { return p.At.named() }

// ourValue is what to enter at the provider.
type ourValue struct {
	ID, Word, Means string
	There           string
	Also            synonyms
	Value           string // "" is nothing to enter
	None            string // what to do then
}

// Long is true of a value that is scrolled, with the keyboard too.
func (v ourValue) Long() bool { return strings.Contains(v.Value, "\n") }

// providerCard is a provider as one would introduce it: who, where, which keys until
// when, and what is wrong.
type providerCard struct {
	Who      string // entity ID
	Vendor   string // whose it seems to be; "" for nobody known
	Several  []string
	Where    []saml.Endpoint
	Logout   []saml.Endpoint
	Keys     []providerKey
	Formats  []string
	Signs    bool // wants signed requests
	Until    exact
	HasUntil bool
	Wrong    []string
}

type providerKey struct {
	Subject, Fingerprint string
	From, Until          exact
	State                badge
}

// setUpTest is a test login that was asked for on this page.
type setUpTest struct {
	Ref, URL string // URL of its trace
	Begin    string // address to post to; "" when it has begun, or somebody else asked
	Poll     string // address that tells how it went; "" when there is nothing to wait for
	Over     bool   // its time has passed, and nobody has begun
	Ended    bool
	Passed   bool
	Version  int
	Problems []wrongHere
	Profile  users.Profile
	Level    level
	Read     bool // there is a profile
	Came     []cameRow
	More     int // attributes that are not shown
}

// wrongHere is one thing that is wrong, with where it is mended.
type wrongHere struct {
	wrong
	URL string // of the field; "" for none
}

// cameRow is an attribute that came.
type cameRow struct {
	Name   string
	Values []string
	More   int
}

// warned is what an administrator may not have meant.
type warned struct{ Field, URL, Say string }

// Bounds of the page.
const (
	draftsShown = 20
	cameShown   = 60
	valuesShown = 5
	keysTried   = 50 // of a name that others have too
)

// providerForm are the fields of the second step, and mappingFields those of the third.
var (
	addressFields  = fieldsAt("saml.metadata_url")
	metadataFields = fieldsAt("saml.metadata")
	handFields     = fieldsAt("saml.issuer", "saml.sso_url", "saml.sso_binding", "saml.certificates", "saml.sign_requests")
	providerForm   = slices.Concat(addressFields, metadataFields, handFields)
	newFields      = []recordField{
		oneLine("name", "Acme", func(d *document) *string { return &d.Name }),
		oneLine("key", "acme", func(d *document) *string { return &d.Key }),
	}
)

func (s *Site) adminSetUp(c echo.Context, who login.Visitor) error {
	page, err := s.newSetUp(c, who, document{}, nil, vendorAt(c.QueryParam("provider")))
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, page)
}

func (s *Site) newSetUp(c echo.Context, who login.Visitor, d document, problems fault.Problems, at vendor) (adminSetUpPage, error) {
	page := newSetUpOf(s.adminFrame(c, "Set up a connection", "records", who), d, problems, at)
	records, err := s.Flow.Store.Connections(c.Request().Context())
	if err != nil {
		return page, err
	}
	for _, one := range records {
		if one.State == idms.Draft && one.Key != idms.LocalKey && len(page.Drafts) < draftsShown {
			row := recordRowOf(store.Edition{Key: one.Key, Name: one.Name, State: one.State, Version: one.Version}, false)
			row.URL = setUpRoot + "/" + url.PathEscape(one.Key)
			page.Drafts = append(page.Drafts, row)
		}
	}
	return page, nil
}

func newSetUpOf(around adminFrame, d document, problems fault.Problems, at vendor) adminSetUpPage {
	page := adminSetUpPage{adminFrame: around, form: form{atFields(problems, newFields...)}, At: at, Words: vendorOptions(at), Provider: at.param()}
	fields := typedFields(newFields, d, page.Problems, at)
	page.Name, page.Key = fields[0], fields[1]
	return page
}

// adminBeginSetUp makes the draft.
func (s *Site) adminBeginSetUp(c echo.Context, who login.Visitor) error {
	typed, err := posted(c, maxForm)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	d := document{State: idms.Draft}
	readFields(newFields, typed, &d)
	given, at := d, vendorAt(typed.Get("provider"))
	again := func(problems fault.Problems) error {
		page, err := s.newSetUp(c, who, given, problems, at)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	if d.Key == "" {
		if d.Key, err = s.freeKey(ctx, d.Name); err != nil {
			return err
		}
	}
	record, problems := d.Checked()
	if !problems.Any() {
		switch _, err := s.Flow.Store.Edition(ctx, record.Key); {
		case err == nil:
			problems.Add("key", "There is a record %s already. Choose another key.", record.Key)
		case fault.KindOf(err) != fault.NotFound:
			return err
		}
	}
	if problems.Any() {
		return again(problems)
	}
	return refusedAt(s.propose(c, who, proposal{Record: record, Then: setUpAddress(record.Key, at)}), again)
}

func setUpAddress(key string, at vendor) string {
	return setUpRoot + "/" + url.PathEscape(key) + "?" + url.Values{"provider": {at.param()}}.Encode()
}

// freeKey suggests a key that no record has.
func (s *Site) freeKey(ctx context.Context, name string) (string, error) {
	key := keyOf(name)
	for i := 2; i < keysTried; i++ {
		_, err := s.Flow.Store.Edition(ctx, key)
		if fault.KindOf(err) == fault.NotFound && key != idms.LocalKey {
			return key, nil
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return "", err
		}
		key = fmt.Sprintf("%s-%d", keyOf(name), i)
	}
	return "", nil // whoever names the fiftieth Acme names its key
}

// keyOf makes a key of a name: its letters without their accents, and its digits.
func keyOf(name string) string {
	var key strings.Builder
	for _, r := range norm.NFKD.String(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			key.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			key.WriteRune(r - 'A' + 'a')
		case unicode.Is(unicode.Mn, r): // an accent
		case key.Len() > 0 && !strings.HasSuffix(key.String(), "-"):
			key.WriteByte('-')
		}
	}
	const room = len("-50")
	text := key.String()
	text = strings.Trim(text[:min(len(text), idms.MaxKey-room)], "-")
	if text == "" && strings.TrimSpace(name) != "" {
		return "record" // a name in another script
	}
	return text
}

func (s *Site) adminSetUpRecord(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	page, err := s.setUpPage(c, who, record, idms.DocumentOf(record), nil)
	if err != nil {
		return err
	}
	if ref := c.QueryParam("test"); ref != "" {
		told, err := s.Flow.TestLogin(c.Request().Context(), record.Key, ref)
		if fault.KindOf(err) == fault.NotFound {
			return fault.New(fault.NotFound, "There is no such test login. They are kept for a short time only.")
		}
		if err != nil {
			return err
		}
		waiting := numberIn(c.QueryParam(waitingParam))
		if waiting > 0 {
			page.Seen = waiting // parts of this page go into that one, whose author has seen no other version
		}
		if page.show(told, s.Clock()); waiting > 0 && page.Test.Poll != "" {
			return c.NoContent(http.StatusNoContent) // nothing on it moves before there is something to tell
		}
	}
	return s.render(c, http.StatusOK, page)
}

// waitingParam is in the address that a page asks while it waits for a test login: the
// version of the record that it shows.
const waitingParam = "waiting"

// setUpPage is the page of a record, with what was typed.
func (s *Site) setUpPage(c echo.Context, who login.Visitor, record idms.Record, d document, problems fault.Problems) (adminSetUpPage, error) {
	keys, err := s.Flow.Store.SPKeys(c.Request().Context(), record.ID)
	if err != nil {
		return adminSetUpPage{}, err
	}
	at := vendorAt(c.FormValue("provider"))
	if idp, err := record.SAML.IdP(); err == nil && c.FormValue("provider") == "" {
		at = vendorOf(idp.EntityID)
	}
	around := s.adminFrame(c, "Set up "+record.Name, "records", who)
	return setUpPageOf(around, record, record.SAML.SP(record.Key, s.Flow.Base, keys), d, problems, at, s.Clock()), nil
}

func setUpPageOf(around adminFrame, record idms.Record, sp saml.SP, d document, problems fault.Problems, at vendor, now time.Time) adminSetUpPage {
	page := adminSetUpPage{
		adminFrame: around, form: form{atFields(problems, slices.Concat(providerForm, mappingFields)...)},
		At: at, Words: vendorOptions(at), Provider: at.param(), Seen: record.Version,
		Record:  recordRowOf(store.Edition{Key: record.Key, Name: record.Name, State: record.State, Version: record.Version}, false),
		Address: setUpRoot + "/" + url.PathEscape(record.Key),
		Ours:    oursOf(record, sp, at),
	}
	if record.SAML.NamesProvider() {
		if preview, err := previewOf(record.SAML, now); err == nil {
			page.Card = cardOf(preview, now)
		}
	}
	if d.SAML.MetadataURL != "" && d.SAML.Metadata == record.SAML.Metadata {
		d.SAML.Metadata = "" // it is the address's
	}
	page.Theirs = typedFields(addressFields, d, page.Problems, at)
	page.Metadata = typedFields(metadataFields, d, page.Problems, at)[0]
	page.ByHand = typedFields(handFields, d, page.Problems, at)

	if page.Ready = record.Mapping != (users.Mapping{}); !page.Ready && users.Mapping(d.Mapping) == (users.Mapping{}) {
		d.Mapping, page.Suggested = idms.DocumentOf(idms.Record{Mapping: at.Mapping}).Mapping, at.Key != ""
	}
	page.Mapping = typedFields(mappingFields, d, page.Problems, at)
	for i := range page.Mapping {
		page.Mapping[i].Learns = true
	}
	for i, suggested := range []string{at.Mapping.Username, at.Mapping.Email, at.Mapping.FirstName, at.Mapping.LastName} {
		if suggested != "" && !slices.Contains(page.Mapping[i].Suggest, suggested) {
			page.Mapping[i].recordField = page.Mapping[i].suggesting(suggested)
		}
	}
	for _, one := range record.Warnings(now) {
		page.Warnings = append(page.Warnings, warned{one.Field, editAddress(record.Key, one.Field), one.Message})
	}
	return page
}

// Known is true once the provider is, and the third step can begin.
func (p adminSetUpPage) Known() bool { return p.Card != nil }

// Draft is true until the record is switched on.
func (p adminSetUpPage) Draft() bool { return p.Record.State == recordState(idms.Draft) }

// Hand is true when the values by hand are in use, or wrong.
func (p adminSetUpPage) Hand() bool {
	return slices.ContainsFunc(p.ByHand, func(f typedField) bool { return f.Value != "" || len(f.Wrong) > 0 })
}

// Text is true when metadata as text is in use, or wrong.
func (p adminSetUpPage) Text() bool { return p.Metadata.Value != "" || len(p.Metadata.Wrong) > 0 }

// Renewed are the parts of the page that a test login changes beside its result, as
// selectors. Nothing into which somebody types is among them.
func (p adminSetUpPage) Renewed() string {
	parts := []string{"#begin-test", "#switch-on"}
	for _, field := range p.Mapping {
		if field.Kind == asLine {
			parts = append(parts, "#"+field.ID+"-list")
		}
	}
	return strings.Join(parts, ",")
}

func (p adminSetUpPage) testAddress(ref string) string {
	return p.Address + "?" + url.Values{"provider": {p.Provider}, "test": {ref}}.Encode()
}

// oursOf are this service's values, each with what others call it.
func oursOf(record idms.Record, sp saml.SP, at vendor) []ourValue {
	certificate := ""
	if len(sp.Keys) > 0 {
		certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sp.Keys[0].Certificate.Raw}))
	}
	var list []ourValue
	for _, one := range []struct{ id, word, value, none string }{
		{"acs", "ACS URL", sp.ACS, ""},
		{"entity-id", "Service Provider Issuer", sp.EntityID, ""},
		{"metadata", "Metadata address", sp.MetadataURL, ""},
		{"slo", "Our single logout URL", sp.SLO, ""},
		{"login", "Login URL", sp.LoginURL, ""},
		{"relay-state", "RelayState value", record.SAML.RelayState, "Leave it empty there. It is only for logins that begin at the provider."},
		{"certificate", "Service keys", certificate, ""},
	} {
		term := docs.Words.Word(one.word)
		means, _, _ := strings.Cut(term.Meaning, ". ") // what follows is about the field of a form
		list = append(list, ourValue{ID: "our-" + one.id, Word: term.Word, Means: means, There: at.calls(term), Also: alsoCalled(term, at), Value: one.value, None: one.none})
	}
	return list
}

// previewOf is a record's provider as its metadata, or its values by hand, have it.
func previewOf(of saml.Settings, now time.Time) (saml.Preview, error) {
	if of.Metadata != "" && of.SSOURL == "" && len(of.Certificates) == 0 {
		return saml.PreviewMetadata([]byte(of.Metadata), of.Issuer, nil, now)
	}
	idp, err := of.IdP()
	if err != nil {
		return saml.Preview{}, err
	}
	preview := saml.Preview{IdentityProviders: []string{idp.EntityID}, EntityID: idp.EntityID, SSO: idp.SSO, Logout: idp.Logout,
		NameIDFormats: idp.NameIDFormats, WantRequestsSigned: idp.WantRequestsSigned, ValidUntil: idp.ValidUntil}
	for _, one := range idp.Certificates {
		preview.Certificates = append(preview.Certificates, saml.CertificatePreview{
			Subject: one.Subject.String(), Fingerprint: saml.Fingerprint(one), NotBefore: one.NotBefore, NotAfter: one.NotAfter})
	}
	for _, warning := range of.Warnings(now) {
		if strings.HasPrefix(warning.Field, "metadata") || strings.HasPrefix(warning.Field, "certificates") {
			preview.Warnings = append(preview.Warnings, warning.Message)
		}
	}
	return preview, nil
}

func cardOf(of saml.Preview, now time.Time) *providerCard {
	card := &providerCard{Who: of.EntityID, Vendor: vendorOf(of.EntityID).Name, Where: of.SSO, Logout: of.Logout, Formats: of.NameIDFormats,
		Signs: of.WantRequestsSigned, Until: exact(of.ValidUntil), HasUntil: !of.ValidUntil.IsZero(), Wrong: of.Warnings}
	if of.EntityID == "" {
		card.Several = of.IdentityProviders
	}
	for _, one := range of.Certificates {
		card.Keys = append(card.Keys, providerKey{strings.Trim(one.Subject, `"`), one.Fingerprint, exact(one.NotBefore), exact(one.NotAfter), keyState(one, now)})
	}
	return card
}

// keyState says how long a certificate lasts; within the time in which Warnings
// speak of it, with a mark.
func keyState(of saml.CertificatePreview, now time.Time) badge {
	days := int(of.NotAfter.Sub(now) / (24 * time.Hour))
	switch {
	case now.Before(of.NotBefore):
		return badge{"Not begun", mixed}
	case now.After(of.NotAfter):
		return badge{"Ended", bad}
	case days < 60:
		return badge{"Ends " + moment{of.NotAfter, now}.Left(), mixed}
	}
	return badge{"Good", good}
}

// setUpAgain shows the set-up with what was typed, and what is wrong with it.
func (s *Site) setUpAgain(c echo.Context, who login.Visitor, record idms.Record, d idms.Document, seen int) func(fault.Problems) error {
	return func(problems fault.Problems) error {
		page, err := s.setUpPage(c, who, record, d, problems)
		if err != nil {
			return err
		}
		page.Seen = seen
		return s.render(c, backStatus(problems), page)
	}
}

// adminSetUpProvider previews the provider's values, or saves them.
func (s *Site) adminSetUpProvider(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	typed, seen, err := changeForm(c)
	if err != nil {
		return err
	}
	base, err := s.recordSeen(c.Request().Context(), record, seen)
	if err != nil {
		return err
	}
	metadata, noMetadata := uploaded(c, "metadata_file", saml.MaxMetadata)
	certificate, noCertificate := uploaded(c, "certificate_file", maxCertificateFile)
	d, problems := provided(base, typed, metadata, certificate)
	problems.AddError("saml.metadata", noMetadata)
	problems.AddError("saml.certificates", noCertificate)

	again := s.setUpAgain(c, who, record, d, seen)
	changed, found := d.Checked()
	changed.ID = record.ID
	if problems.Any() {
		return again(problems)
	}
	preview, err := s.preview(c.Request().Context(), changed, who)
	if err == nil && preview.EntityID == "" && len(preview.IdentityProviders) > 1 {
		err = fault.Problems{{Field: "saml.issuer", Message: fmt.Sprintf("This metadata holds %d identity providers. Enter the name of the one that is meant.", len(preview.IdentityProviders))}}.Err()
		found = nil
	}
	var card *providerCard
	if preview.EntityID != "" || len(preview.IdentityProviders) > 1 {
		card = cardOf(preview, s.Clock())
	}
	if list := fault.ProblemsOf(err); list != nil {
		found = append(found, list...)
	} else if err != nil {
		return err
	}
	if found.Any() || typed.Get("do") != "save" {
		page, err := s.setUpPage(c, who, record, d, unique(found))
		if err != nil {
			return err
		}
		page.Seen, page.Preview = seen, card
		if card != nil && len(card.Several) > 0 {
			page.ByHand[0].recordField = page.ByHand[0].suggesting(card.Several...)
		}
		if found.Any() {
			return s.render(c, http.StatusUnprocessableEntity, page)
		}
		return s.render(c, http.StatusOK, page)
	}
	// Files do not come back by themselves from a page in between.
	readBack(typed, providerForm, d)
	err = s.propose(c, who, proposal{Record: changed, Seen: seen, Then: setUpAddress(record.Key, vendorAt(typed.Get("provider"))) + "#mapping"})
	if back, ok := newerBack(err); ok {
		again = s.setUpAgain(c, who, record, back.Document, back.Base.Version)
	}
	return refusedAt(err, again)
}

// readBack writes fields as they are now into what was typed.
func readBack(typed url.Values, fields []recordField, d document) {
	for _, one := range fields {
		typed.Set(one.Path, one.get(&d))
	}
}

// unique leaves out what is said of one field twice.
func unique(problems fault.Problems) fault.Problems {
	var list fault.Problems
	for _, one := range problems {
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// maxCertificateFile bounds an uploaded certificate, in bytes: a chain of them.
const maxCertificateFile = 1 << 20

// provided is a record with what was typed, pasted or chosen of its provider.
func provided(record idms.Record, typed url.Values, metadata, certificate []byte) (document, fault.Problems) {
	var problems fault.Problems
	before := idms.DocumentOf(record)
	d := idms.DocumentOf(record)
	if d.SAML.MetadataURL != "" {
		d.SAML.Metadata = "" // as the form shows it
	}
	readFields(providerForm, typed, &d)
	if metadata != nil {
		if !utf8.Valid(metadata) {
			problems.Add("saml.metadata", "The file is not UTF-8 text. Choose the provider's metadata, which is an XML file.")
		}
		d.SAML.Metadata = string(metadata)
	}
	if certificate != nil {
		d.SAML.Certificates = certificatesIn(idms.CertificateText(certificate))
	}
	switch {
	case d.SAML.MetadataURL != "" && d.SAML.Metadata != "":
		problems.Add("saml.metadata", "The metadata is read from the address above. Empty the address to give the text instead.")
	case d.SAML.MetadataURL != "" && d.SAML.MetadataURL == before.SAML.MetadataURL:
		d.SAML.Metadata = before.SAML.Metadata
	}
	if s := d.SAML; s.MetadataURL == "" && s.Metadata == "" && s.Issuer == "" && s.SSOURL == "" && len(s.Certificates) == 0 {
		problems.Add("saml.metadata_url", "Say who the provider is: by the address of its metadata, by its metadata as a file or as text, or by hand.")
	}
	return d, problems
}

// preview looks at the provider of a record that is not saved yet. What is wrong
// with it comes back at its field, also when a server does not answer: whoever typed
// the address can mend it.
func (s *Site) preview(ctx context.Context, record idms.Record, who login.Visitor) (saml.Preview, error) {
	var problems fault.Problems
	if record.SAML.AwaitsMetadata() {
		// Nothing is asked of an address on behalf of somebody who may not save it.
		if err := s.Flow.Store.MayChange(ctx, record, s.author(who)); err != nil {
			return saml.Preview{}, err
		}
		if unusable := record.SAML.CheckOurs(); unusable.Any() {
			problems.Under("saml", unusable)
			return saml.Preview{}, problems.Err()
		}
		preview, err := s.Upkeep.Preview(ctx, record.SAML.MetadataURL, record.SAML.Issuer)
		problems.AddError("saml.metadata_url", err)
		return preview, problems.Err()
	}
	preview, err := previewOf(record.SAML, s.Clock())
	if list := fault.ProblemsOf(err); list != nil {
		problems.Under("saml", list)
	} else {
		problems.AddError("saml.metadata", err)
	}
	return preview, problems.Err()
}

// adminSetUpMapping saves the mapping.
func (s *Site) adminSetUpMapping(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	typed, seen, err := changeForm(c)
	if err != nil {
		return err
	}
	base, err := s.recordSeen(c.Request().Context(), record, seen)
	if err != nil {
		return err
	}
	d := idms.DocumentOf(base)
	readFields(mappingFields, typed, &d)
	again := s.setUpAgain(c, who, record, d, seen)
	changed, problems := d.Checked()
	if changed.ID = record.ID; !problems.Any() {
		problems.Under("mapping", changed.Mapping.Check()) // which a draft could leave for later
	}
	if problems.Any() {
		return again(problems)
	}
	err = s.propose(c, who, proposal{Record: changed, Seen: seen, Then: setUpAddress(record.Key, vendorAt(typed.Get("provider"))) + "#test"})
	if back, ok := newerBack(err); ok {
		again = s.setUpAgain(c, who, record, back.Document, back.Base.Version)
	}
	return refusedAt(err, again)
}

// adminSetUpTest asks for a test login, and offers to begin it.
func (s *Site) adminSetUpTest(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	if _, err := posted(c, maxForm); err != nil {
		return err
	}
	ctx := c.Request().Context()
	invitation, err := s.Flow.InviteTest(ctx, login.Asking{Record: record.Key, By: who.Account.Username})
	problems := fault.ProblemsOf(err)
	if err != nil && problems == nil {
		return err
	}
	page, err := s.setUpPage(c, who, record, idms.DocumentOf(record), problems)
	if err != nil {
		return err
	}
	if problems.Any() {
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	told, err := s.Flow.TestLogin(ctx, record.Key, invitation.Ref)
	if err != nil {
		return err
	}
	page.show(told, s.Clock())
	page.Test.Begin = invitation.Address
	return s.render(c, http.StatusOK, page)
}

// show adds how a test login went, and offers the attributes that came to the fields
// of the mapping.
func (p *adminSetUpPage) show(told login.Test, now time.Time) {
	test := &setUpTest{Ref: told.Ref, URL: below("logins", told.Ref), Ended: told.Ended, Passed: told.Passed, Version: told.Version,
		Over: !told.Begun && !now.Before(told.Expires)}
	p.Test, p.Passed = test, told.Passed && told.Version == p.Seen
	if !test.Ended && !test.Over {
		test.Poll = fmt.Sprintf("%s&%s=%d", p.testAddress(told.Ref), waitingParam, p.Seen)
	}
	if told.Trace == nil {
		return
	}
	for _, step := range allSteps(*told.Trace) {
		if step.State == trace.Refused {
			one := wrongHere{wrong: problemOf(step)}
			one.URL = editAddress(told.Record, one.Field)
			test.Problems = append(test.Problems, one)
		}
	}
	decision := told.Trace.Decision
	if decision == nil {
		return
	}
	test.Read, test.Profile, test.Level = decision.Profile.Username != "", decision.Profile, levelWords(decision.Level)
	test.Came, test.More = cameRows(decision.Facts)
	for _, one := range test.Came {
		for i, field := range p.Mapping {
			if field.Kind == asLine && !slices.Contains(field.Suggest, one.Name) {
				p.Mapping[i].recordField = field.suggesting(one.Name)
			}
		}
	}
}

func cameRows(facts rules.Attributes) (list []cameRow, more int) {
	for i, one := range facts {
		if i == cameShown {
			return list, len(facts) - cameShown
		}
		list = append(list, cameRow{one.Name, one.Values[:min(len(one.Values), valuesShown)], max(0, len(one.Values)-valuesShown)})
	}
	return list, 0
}

// adminSwitchOn lets the record take logins.
func (s *Site) adminSwitchOn(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	typed, seen, err := changeForm(c)
	if err != nil {
		return err
	}
	again := func(problems fault.Problems) error {
		page, err := s.setUpPage(c, who, record, idms.DocumentOf(record), problems)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusUnprocessableEntity, page)
	}
	on, err := s.recordSeen(c.Request().Context(), record, seen)
	if err != nil {
		return err
	}
	on.State = idms.Active
	if problems := on.Check(); problems.Any() {
		return again(problems)
	}
	return refusedAt(s.propose(c, who, proposal{Record: on, Seen: seen, Then: below("records", record.Key),
		Back: setUpAddress(record.Key, vendorAt(typed.Get("provider"))) + "#on"}), again)
}

// adminCertificate is the certificate of a record's own key, as a file: what many
// consoles take, and no text.
func (s *Site) adminCertificate(c echo.Context, _ login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	keys, err := s.Flow.Store.SPKeys(c.Request().Context(), record.ID)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return errors.New("a record without a key of its own")
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="`+record.Key+`.pem"`)
	return c.Blob(http.StatusOK, "application/x-pem-file", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: keys[0].Certificate.Raw}))
}
