package demo

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/x509"
	"embed"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	crewjam "github.com/crewjam/saml"

	"idms/internal/saml"
)

// Config is what an IdP is made of.
type Config struct {
	BaseURL string // where browsers find the provider: scheme://host[:port]
	// ServiceURL is the first base URL of the service: the records of RecordsFile
	// are reached there.
	ServiceURL string
	Clock      func() time.Time // nil is time.Now
	Keys       *Keys            // nil is keys of its own: New takes some hundred milliseconds more
}

// Keys are the provider's key and the one of the service's records.
type Keys struct{ provider, service saml.Key }

// IdP is the demonstration's identity provider: an http.Handler.
type IdP struct {
	Config
	provider   crewjam.IdentityProvider
	ownKey     saml.Key
	byHand     *x509.Certificate  // of the same key, as an administrator once entered it
	services   map[string]service // by entity ID
	serviceKey saml.Key
	mux        *http.ServeMux
}

// service is one record as the provider knows it.
type service struct {
	record, name string
	metadata     *crewjam.EntityDescriptor
}

const (
	// validFor is how long the metadata lasts: longer than any demonstration.
	validFor = 365 * 24 * time.Hour
	// answerFor is how long an assertion may be delivered.
	answerFor = 5 * time.Minute
	maxForm   = 1 << 20 // bytes of a posted form

	rsaSHA256  = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	basic      = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
)

// New makes a provider. Nothing of it outlives the process.
func New(c Config) (*IdP, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Keys == nil {
		keys, err := NewKeys(c.Clock())
		if err != nil {
			return nil, err
		}
		c.Keys = keys
	}
	own := c.Keys.provider
	byHand, err := endingSoon(own, c.Clock())
	if err != nil {
		return nil, err
	}
	at := func(path string) (url.URL, error) {
		address, err := url.Parse(c.BaseURL + path)
		if err != nil {
			return url.URL{}, fmt.Errorf("the address of the demo identity provider: %w", err)
		}
		return *address, nil
	}
	metadataURL, err := at("/metadata")
	if err != nil {
		return nil, err
	}
	ssoURL, err := at("/sso")
	if err != nil {
		return nil, err
	}
	sloURL, err := at("/slo")
	if err != nil {
		return nil, err
	}
	validity := validFor
	p := &IdP{
		Config: c,
		provider: crewjam.IdentityProvider{
			Key: own.Private, Certificate: own.Certificate, SignatureMethod: rsaSHA256,
			MetadataURL: metadataURL, SSOURL: ssoURL, LogoutURL: sloURL, ValidDuration: &validity,
		},
		ownKey:     own,
		byHand:     byHand,
		services:   map[string]service{},
		serviceKey: c.Keys.service,
		mux:        http.NewServeMux(),
	}
	p.provider.ServiceProviderProvider = known{p}
	for _, record := range records {
		one := newService(record, c.ServiceURL)
		p.services[one.metadata.EntityID] = one
	}
	p.mux.HandleFunc("GET /{$}", p.lobby)
	p.mux.HandleFunc("GET /metadata", p.serveMetadata)
	p.mux.HandleFunc("GET /sso", p.sso)
	p.mux.HandleFunc("POST /sso", p.sso)
	p.mux.HandleFunc("POST /start", p.start)
	p.mux.HandleFunc("GET /logout", p.logout)
	p.mux.HandleFunc("GET /slo", p.singleLogout)
	p.mux.HandleFunc("POST /slo", p.singleLogout)
	p.mux.HandleFunc("POST /logout-everywhere", p.logOutEverywhere)
	p.mux.HandleFunc("GET /demo.css", static("text/css; charset=utf-8", "demo.css"))
	p.mux.HandleFunc("GET /favicon.svg", static("image/svg+xml", "favicon.svg"))
	p.mux.HandleFunc("GET /post.js", static("text/javascript; charset=utf-8", "post.js"))
	return p, nil
}

// NewKeys makes both keys side by side: looking for primes is what a newcomer waits
// for.
func NewKeys(now time.Time) (*Keys, error) {
	keys := &Keys{}
	var err, other error
	done := make(chan struct{})
	go func() {
		defer close(done)
		keys.service, other = saml.NewKey(rand.Reader, "Demo service", now)
	}()
	keys.provider, err = saml.NewKey(rand.Reader, "Demo identity provider", now)
	<-done
	if err = errors.Join(err, other); err != nil {
		return nil, fmt.Errorf("making the demo's keys: %w", err)
	}
	return keys, nil
}

// endingSoon is a certificate of the provider's key that ends in nine days and
// almost a whole one: what becomes of a certificate that was entered by hand.
func endingSoon(of saml.Key, now time.Time) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      of.Certificate.Subject,
		NotBefore:    now.AddDate(-2, 0, 0),
		NotAfter:     now.AddDate(0, 0, 10).Add(-time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &of.Private.PublicKey, of.Private)
	if err != nil {
		return nil, fmt.Errorf("making the demo's certificate that ends soon: %w", err)
	}
	return x509.ParseCertificate(der)
}

// ServiceKey is the service's key towards this provider, one for all records:
// store.Config.NewKey of the demonstration.
func (p *IdP) ServiceKey(string, time.Time) (saml.Key, error) { return p.serviceKey, nil }

// newService describes a record to the provider, as an administrator would by
// uploading its metadata. No key is in it, so answers are not encrypted.
func newService(record demoRecord, serviceURL string) service {
	sp := saml.Settings{}.SP(record.Key, serviceURL, nil)
	return service{record: record.Key, name: record.Name, metadata: &crewjam.EntityDescriptor{
		EntityID: sp.EntityID,
		SPSSODescriptors: []crewjam.SPSSODescriptor{{
			AssertionConsumerServices: []crewjam.IndexedEndpoint{{Binding: crewjam.HTTPPostBinding, Location: sp.ACS, Index: 1}},
		}},
	}}
}

// service finds a record by its entity ID. The demonstration's own are described;
// any other record of the same service is trusted too, as far as it can be known by
// its entity ID: whoever sets one up need not tell the provider first.
func (p *IdP) service(entityID string) (service, bool) {
	if one, ok := p.services[entityID]; ok {
		return one, true
	}
	rest, ours := strings.CutPrefix(entityID, p.ServiceURL+"/saml/")
	key, _ := strings.CutSuffix(rest, "/metadata")
	one := newService(demoRecord{Key: key, Name: key}, p.ServiceURL)
	return one, ours && one.metadata.EntityID == entityID && key != "" && !strings.Contains(key, "/")
}

// known finds services for the library.
type known struct{ *IdP }

func (k known) GetServiceProvider(_ *http.Request, entityID string) (*crewjam.EntityDescriptor, error) {
	one, ok := k.service(entityID)
	if !ok {
		return nil, fmt.Errorf("no record of the demo has the entity ID %q", entityID)
	}
	return one.metadata, nil
}

// ServeHTTP answers as the provider.
func (p *IdP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	// No form-action: the pages post to the service, which redirects.
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	p.mux.ServeHTTP(w, r)
}

// Metadata is the provider's metadata, as it would be pasted into a record.
func (p *IdP) Metadata() ([]byte, error) {
	descriptor := p.provider.Metadata()
	descriptor.IDPSSODescriptors[0].NameIDFormats = []crewjam.NameIDFormat{persistent}
	document, err := xml.MarshalIndent(descriptor, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the demo's metadata: %w", err)
	}
	return append(document, '\n'), nil
}

func (p *IdP) serveMetadata(w http.ResponseWriter, r *http.Request) {
	document, err := p.Metadata()
	if err != nil {
		p.sorry(w, http.StatusInternalServerError, "The metadata could not be written.")
		return
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(document) // a browser that has gone needs no answer
}

// EntityID is what the provider calls itself.
func (p *IdP) EntityID() string { return p.provider.MetadataURL.String() }

// LogoutURL is where the provider forgets who is in front of the browser.
func (p *IdP) LogoutURL() string { return p.BaseURL + "/logout" }

// question is an AuthnRequest, as far as the page needs it.
type question struct {
	Issuer   string   `xml:"Issuer"`
	Force    bool     `xml:"ForceAuthn,attr"`
	Contexts []string `xml:"RequestedAuthnContext>AuthnContextClassRef"`
}

// accepts says whether the request is content with an authentication context.
func (q question) accepts(context string) bool {
	return len(q.Contexts) == 0 || slices.Contains(q.Contexts, context)
}

// sso takes a request from a service. First it shows the cast; the page then
// posts the request back here together with the choice, so that the provider
// need not remember anything.
func (p *IdP) sso(w http.ResponseWriter, r *http.Request) {
	request, err := crewjam.NewIdpAuthnRequest(&p.provider, r)
	if err != nil {
		p.sorry(w, http.StatusBadRequest, "There is no request to answer. Begin at the service.")
		return
	}
	var asked question
	if err := xml.Unmarshal(request.RequestBuffer, &asked); err != nil || asked.Issuer == "" {
		p.sorry(w, http.StatusBadRequest, "The request could not be read.")
		return
	}
	// The library refuses requests older than 90 seconds, which is shorter than
	// some people look at the cast: the age is the service's business.
	request.Now = time.Time{}
	if err := request.Validate(); err != nil {
		p.sorry(w, http.StatusBadRequest, "The request was not meant for this provider, or came from a service that it does not know.")
		return
	}
	request.Now = p.Clock().UTC()
	one, _ := p.service(request.ServiceProviderMetadata.EntityID) // which the library asked for

	if reason := r.PostFormValue("refuse"); reason != "" {
		p.refuse(w, request, reason)
		return
	}
	if r.PostFormValue("person") == "" {
		p.choose(w, r, request, asked, one)
		return
	}
	chosen, ok := p.chosen(r, asked)
	if !ok {
		p.sorry(w, http.StatusBadRequest, "Nobody of the cast can log in that way.")
		return
	}
	p.answer(w, request, chosen)
}

// start begins a login from the provider's side, with no request before it.
func (p *IdP) start(w http.ResponseWriter, r *http.Request) {
	for _, record := range records {
		if record.Key != r.PostFormValue("service") {
			continue
		}
		chosen, ok := p.chosen(r, question{})
		if !ok {
			break
		}
		metadata := newService(record, p.ServiceURL).metadata
		p.answer(w, &crewjam.IdpAuthnRequest{
			IDP: &p.provider, HTTPRequest: r, Now: p.Clock().UTC(),
			RelayState:              record.RelayState,
			ServiceProviderMetadata: metadata,
			SPSSODescriptor:         &metadata.SPSSODescriptors[0],
			ACSEndpoint:             &metadata.SPSSODescriptors[0].AssertionConsumerServices[0],
		}, chosen)
		return
	}
	p.sorry(w, http.StatusBadRequest, "There is no such service or person.")
}

// login is somebody in front of the browser.
type login struct {
	Person Person
	Way    Way
	Since  time.Time // when they proved who they are
}

// chosen is who the form names: logged in just now, or still known from before.
func (p *IdP) chosen(r *http.Request, asked question) (login, bool) {
	if r.PostFormValue("way") == "continue" {
		known, ok := p.remembered(r)
		return known, ok && known.Person.Username == r.PostFormValue("person") && !asked.Force && asked.accepts(known.Way.Context)
	}
	person, ok := find(r.PostFormValue("person"))
	if !ok {
		return login{}, false
	}
	way, ok := person.way(r.PostFormValue("way"))
	return login{Person: person, Way: way, Since: p.Clock().UTC()}, ok && asked.accepts(way.Context)
}

// The cookie by which the provider remembers whom it has in front of it, as
// real ones do. Anybody can forge it, and anybody can be anybody here anyway.
const knownCookie = "demo_idp_known"

func (p *IdP) remember(w http.ResponseWriter, who login) {
	http.SetCookie(w, &http.Cookie{
		Name:     knownCookie,
		Value:    who.Person.Username + "." + who.Way.Key + "." + strconv.FormatInt(who.Since.Unix(), 10),
		Path:     "/",
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

func (p *IdP) remembered(r *http.Request) (login, bool) {
	cookie, err := r.Cookie(knownCookie)
	if err != nil {
		return login{}, false
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 {
		return login{}, false
	}
	person, known := find(parts[0])
	way, ok := person.way(parts[1])
	since, err := strconv.ParseInt(parts[2], 10, 64)
	return login{Person: person, Way: way, Since: time.Unix(since, 0).UTC()}, known && ok && err == nil
}

// answer sends the browser back to the service with a signed response that
// holds a signed assertion.
func (p *IdP) answer(w http.ResponseWriter, request *crewjam.IdpAuthnRequest, who login) {
	request.Assertion = p.assertion(request, who)
	form, err := request.PostBinding()
	if err != nil {
		p.sorry(w, http.StatusInternalServerError, "The answer could not be signed.")
		return
	}
	p.remember(w, who)
	p.show(w, http.StatusOK, "answer.html", answerPage{
		Title: "Back to the service", Action: form.URL, Response: form.SAMLResponse, RelayState: form.RelayState, Who: who.Person.Name(),
	})
}

// assertion says who is in front of the browser (SAML profiles 4.1.4.2).
func (p *IdP) assertion(request *crewjam.IdpAuthnRequest, who login) *crewjam.Assertion {
	now := request.Now
	statement := crewjam.AttributeStatement{}
	for _, attribute := range who.Person.attributes(who.Way) {
		one := crewjam.Attribute{Name: attribute.Name, NameFormat: basic}
		for _, value := range attribute.Values {
			one.Values = append(one.Values, crewjam.AttributeValue{Type: "xs:string", Value: value})
		}
		statement.Attributes = append(statement.Attributes, one)
	}
	return &crewjam.Assertion{
		ID:           newID(),
		IssueInstant: now,
		Version:      "2.0",
		Issuer:       crewjam.Issuer{Value: p.EntityID()},
		Subject: &crewjam.Subject{
			NameID: &crewjam.NameID{Format: persistent, Value: who.Person.Username},
			SubjectConfirmations: []crewjam.SubjectConfirmation{{
				Method: "urn:oasis:names:tc:SAML:2.0:cm:bearer",
				SubjectConfirmationData: &crewjam.SubjectConfirmationData{
					InResponseTo: request.Request.ID, // none when the provider starts
					NotOnOrAfter: now.Add(answerFor),
					Recipient:    request.ACSEndpoint.Location,
				},
			}},
		},
		Conditions: &crewjam.Conditions{
			NotBefore:            now.Add(-time.Minute),
			NotOnOrAfter:         now.Add(answerFor),
			AudienceRestrictions: []crewjam.AudienceRestriction{{Audience: crewjam.Audience{Value: request.ServiceProviderMetadata.EntityID}}},
		},
		AuthnStatements: []crewjam.AuthnStatement{{
			AuthnInstant: who.Since,
			SessionIndex: newID(),
			AuthnContext: crewjam.AuthnContext{AuthnContextClassRef: &crewjam.AuthnContextClassRef{Value: who.Way.Context}},
		}},
		AttributeStatements: []crewjam.AttributeStatement{statement},
	}
}

// newID is a random xs:ID, which may not begin with a digit.
func newID() string { return "id-" + strings.ToLower(rand.Text()) }

// refusal is a Response without an assertion (SAML core 3.2.2.2). It proves
// nothing, so it is not signed.
type refusal struct {
	XMLName      xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:protocol Response"`
	ID           string   `xml:",attr"`
	Version      string   `xml:",attr"`
	IssueInstant string   `xml:",attr"`
	Destination  string   `xml:",attr"`
	InResponseTo string   `xml:",attr"`
	Issuer       string   `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
	Status       status   `xml:"urn:oasis:names:tc:SAML:2.0:protocol Status"`
}

type status struct {
	Code    statusCode `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode"`
	Message string     `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusMessage"`
}

type statusCode struct {
	Value string      `xml:",attr"`
	Code  *statusCode `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode,omitempty"`
}

// refuse tells the service that nobody is going to be vouched for.
func (p *IdP) refuse(w http.ResponseWriter, request *crewjam.IdpAuthnRequest, reason string) {
	code, message := "AuthnFailed", "The person cancelled the login."
	if reason == "context" {
		code, message = "NoAuthnContext", "The person cannot authenticate in the way that was asked for."
	}
	const prefix = "urn:oasis:names:tc:SAML:2.0:status:"
	document, err := xml.Marshal(refusal{
		ID: newID(), Version: "2.0", IssueInstant: request.Now.Format("2006-01-02T15:04:05Z"),
		Destination: request.ACSEndpoint.Location, InResponseTo: request.Request.ID, Issuer: p.EntityID(),
		Status: status{Code: statusCode{Value: prefix + "Responder", Code: &statusCode{Value: prefix + code}}, Message: message},
	})
	if err != nil {
		p.sorry(w, http.StatusInternalServerError, "The answer could not be written.")
		return
	}
	p.show(w, http.StatusOK, "answer.html", answerPage{
		Title: "Back to the service", Action: request.ACSEndpoint.Location,
		Response: base64.StdEncoding.EncodeToString(document), RelayState: request.RelayState,
	})
}

// forget forgets who is in front of the browser.
func forget(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: knownCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// logout forgets who is in front of the browser.
func (p *IdP) logout(w http.ResponseWriter, _ *http.Request) {
	forget(w)
	p.show(w, http.StatusOK, "message.html", messagePage{
		Title: "You are logged out", Sentence: "The demo identity provider has forgotten you.", Service: p.ServiceURL,
	})
}

// choosePage asks who is in front of the browser.
type choosePage struct {
	Title      string
	Service    string
	Request    string // to post back
	RelayState string
	Force      bool
	Contexts   []string // asked for, in words
	Known      *entry
	People     []entry
}

// entry is one of the cast on a page.
type entry struct {
	Username, Name, Initial, Story string
	Ways                           []offer
}

// offer is one way to log in and what to expect of it.
type offer struct {
	Key, Button, Say string
}

func (p *IdP) choose(w http.ResponseWriter, r *http.Request, request *crewjam.IdpAuthnRequest, asked question, at service) {
	page := choosePage{
		Title:      "Who are you?",
		Service:    at.name,
		Request:    base64.StdEncoding.EncodeToString(request.RequestBuffer),
		RelayState: request.RelayState,
		Force:      asked.Force,
		People:     entries(at.record, asked),
	}
	for _, context := range asked.Contexts {
		page.Contexts = append(page.Contexts, contextWords(context))
	}
	if known, ok := p.remembered(r); ok && !asked.Force && asked.accepts(known.Way.Context) {
		page.Known = &entry{Username: known.Person.Username, Name: known.Person.Name()}
	}
	p.show(w, http.StatusOK, "choose.html", page)
}

// entries are those of the cast who can log in as asked, with what to expect
// at a record.
func entries(record string, asked question) []entry {
	var list []entry
	for _, person := range Cast() {
		one := entry{Username: person.Username, Name: person.Name(), Initial: string([]rune(person.First)[:1]), Story: person.Story}
		for _, way := range person.Ways {
			if asked.accepts(way.Context) {
				one.Ways = append(one.Ways, offer{Key: way.Key, Button: way.Button, Say: person.Expect(record, way).Say})
			}
		}
		if len(one.Ways) > 0 {
			list = append(list, one)
		}
	}
	return list
}

func contextWords(context string) string {
	words := map[string]string{password: "a password", smartCard: "a smart card", oldPIN: "the old PIN"}
	return cmp.Or(words[context], context)
}

// lobbyPage is the provider's own front page, from which people start logins
// that no service asked for.
type lobbyPage struct {
	Title      string
	Service    string // name of the record that takes such logins
	Record     string
	RelayState string
	Landing    string
	ServiceURL string
	Known      *entry // somebody who is logged in here
	People     []entry
}

func (p *IdP) lobby(w http.ResponseWriter, r *http.Request) {
	page := lobbyPage{Title: "Demo identity provider", ServiceURL: p.ServiceURL}
	for _, record := range records {
		if record.RelayState != "" {
			page.Service, page.Record, page.RelayState, page.Landing = record.Name, record.Key, record.RelayState, record.Landing
			page.People = entries(record.Key, question{})
		}
	}
	if known, ok := p.remembered(r); ok {
		page.Known = &entry{Username: known.Person.Username, Name: known.Person.Name()}
	}
	p.show(w, http.StatusOK, "lobby.html", page)
}

// answerPage carries the response by POST; scripts post it at once.
type answerPage struct {
	Title                        string
	Action, Response, RelayState string
	Who                          string // "" when nobody is vouched for
}

type messagePage struct {
	Title, Sentence, Service string
}

func (p *IdP) sorry(w http.ResponseWriter, status int, sentence string) {
	p.show(w, status, "message.html", messagePage{Title: "That did not work", Sentence: sentence, Service: p.ServiceURL})
}

//go:embed pages
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// show renders a page whole or not at all.
func (p *IdP) show(w http.ResponseWriter, status int, name string, data any) {
	var buffer bytes.Buffer
	if err := pages.ExecuteTemplate(&buffer, name, data); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(buffer.Bytes()) // a browser that has gone needs no answer
}

func static(kind, name string) http.HandlerFunc {
	content, err := files.ReadFile("pages/" + name)
	if err != nil {
		panic("demo: an embedded file is missing: " + err.Error()) // a broken build
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	}
}
