package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/upkeep"
)

// adminCertificatesPage is the timeline of all certificates, theirs and ours.
type adminCertificatesPage struct {
	adminFrame
	paging
	Whose, Record string // as typed
	Soon          bool
	Owners        []option
	Certificates  []certificateRow
}

// Any is true when some certificates are looked for.
func (p adminCertificatesPage) Any() bool { return p.Whose+p.Record != "" || p.Soon }

// certificateRow is one certificate, and its bar in the timeline.
type certificateRow struct {
	Record, Name, URL string // of the record's page of certificates
	Ours              bool
	What              string // it is for, in words
	Subject           string
	Fingerprint       string
	State             badge
	Begins, Ends      exact
	Used              exact // the last login signed with it
	UsedAgo           string
	Bar               bar
}

// bar is where a certificate is in force within the timeline, in its units.
type bar struct {
	Class       string
	From, Width int
	Beyond      bool // it ends after the timeline does
}

// timelineDays is how far the timeline goes: two years, a day being one unit.
const timelineDays = 730

func (adminCertificatesPage) file() string { return "admin_certificates.html" }

func (s *Site) adminCertificates(c echo.Context, who login.Visitor) error {
	page := adminCertificatesPage{adminFrame: s.adminFrame(c, "Certificates and keys", "certificates", who),
		Whose: queried(c, "whose"), Record: queried(c, "record"), Soon: queried(c, "soon") != ""}
	all, err := s.Upkeep.Certificates(c.Request().Context())
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(all, func(one upkeep.Certificate) bool {
		return page.Whose == "ours" && !one.Ours || page.Whose == "theirs" && one.Ours ||
			page.Record != "" && one.Record != page.Record || page.Soon && one.Warn == 0
	})
	slices.SortStableFunc(list, byEnd)
	cursor := c.QueryParam("cursor")
	shown, next, ok := certificatesAfter(list, cursor, perPage)
	if !ok {
		return fault.New(fault.Invalid, "There is no such page. Begin at the first one.")
	}
	for _, one := range shown {
		page.Certificates = append(page.Certificates, certificateRowOf(one, s.Clock()))
	}
	typed := url.Values{"whose": {page.Whose}, "record": {page.Record}}
	if page.Soon {
		typed.Set("soon", "yes")
	}
	page.paging = pagingOf(adminPath+"/certificates", typed, cursor, next)
	return s.render(c, http.StatusOK, page.withOptions())
}

func (p adminCertificatesPage) withOptions() adminCertificatesPage {
	p.Owners = optionsOf(p.Whose, option{Label: "All"}, option{Value: "theirs", Label: "The providers’"}, option{Value: "ours", Label: "Ours"})
	return p
}

// byEnd is the order of the timeline; one certificate of several records, or for
// several purposes, has a place for each.
func byEnd(a, b upkeep.Certificate) int {
	return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(placeOf(a), placeOf(b)))
}

func placeOf(one upkeep.Certificate) string {
	return strings.Join([]string{one.Record, one.Fingerprint, one.Purpose}, "/")
}

// cursorForm is how a cursor writes the end of a certificate: as a fixed number of
// characters.
const cursorForm = "20060102150405"

// certificatesAfter is the page of a sorted list that begins behind a cursor, and the
// cursor of the one after it; false for what is no cursor.
func certificatesAfter(list []upkeep.Certificate, cursor string, limit int) (page []upkeep.Certificate, next string, ok bool) {
	if cursor != "" {
		end, place, _ := strings.Cut(cursor, "/")
		at, err := time.Parse(cursorForm, end)
		if err != nil {
			return nil, "", false
		}
		first := slices.IndexFunc(list, func(one upkeep.Certificate) bool {
			return cmp.Or(one.NotAfter.Truncate(time.Second).Compare(at), strings.Compare(placeOf(one), place)) > 0
		})
		if first < 0 {
			first = len(list)
		}
		list = list[first:]
	}
	if len(list) <= limit {
		return list, "", true
	}
	last := list[limit-1]
	return list[:limit], last.NotAfter.UTC().Format(cursorForm) + "/" + placeOf(last), true
}

func certificateRowOf(one upkeep.Certificate, now time.Time) certificateRow {
	_, what, _ := strings.Cut(one.Purpose, ": ")
	return certificateRow{
		Record: one.Record, Name: one.Name, URL: below("records", one.Record) + "/certificates", Ours: one.Ours, What: what,
		Subject: one.Subject, Fingerprint: one.Fingerprint, State: certificateState(one),
		Begins: exact(one.NotBefore), Ends: exact(one.NotAfter), Used: exact(one.Used), UsedAgo: ago(one.Used, now),
		Bar: barOf(one, now),
	}
}

// certificateState says where a certificate is in its life.
func certificateState(one upkeep.Certificate) badge {
	switch {
	case one.DaysLeft < -1:
		return badge{plural("Ended %d day", -one.DaysLeft-1) + " ago", bad}
	case one.DaysLeft < 0:
		return badge{"Ended today", bad}
	case one.Warn > 0:
		return badge{capital(endsIn(one.DaysLeft)), endClass(one)}
	}
	return badge{"Valid", good}
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func barOf(one upkeep.Certificate, now time.Time) bar {
	from := 0
	if begins := int(one.NotBefore.Sub(now).Hours() / 24); begins > 0 {
		from = min(begins, timelineDays)
	}
	to := max(0, min(one.DaysLeft, timelineDays))
	b := bar{Class: certificateState(one).Class, From: from, Width: max(to-from, 0), Beyond: one.DaysLeft > timelineDays}
	if b.Width == 0 {
		b.Width = 6 // so that its end is seen at all
		b.From = min(from, timelineDays-b.Width)
	}
	return b
}

// adminRecordKeysPage is the certificates and keys of one record.
type adminRecordKeysPage struct {
	recordFrame
	form
	Theirs, Ours []certificateRow
	Steps        []keyStep
	Undo         string // address that takes the next key back; "" when there is none
	Metadata     string // address of ours
	Force        bool   // an owner may take a step before its time
	Reason       string // as typed
}

// keyStep is one step of a roll-over of our keys.
type keyStep struct {
	Name, Say string
	State     badge
	Here      bool   // it is the one to do now
	Action    string // address to post to; "" when there is nothing to press
	Button    string
	Early     string // what a step before its time breaks; "" when it is time
	Download  string // address of the certificate to hand over; "" for none
}

// certificateTable is certificates of one side.
type certificateTable struct {
	Ours bool
	Rows []certificateRow
}

// TheirTable and OurTable have the two sides as their template wants them.
func (p adminRecordKeysPage) TheirTable() certificateTable { return certificateTable{Rows: p.Theirs} }
func (p adminRecordKeysPage) OurTable() certificateTable   { return certificateTable{true, p.Ours} }

func (adminRecordKeysPage) file() string { return "admin_record_certificates.html" }

func (s *Site) adminRecordKeys(c echo.Context, who login.Visitor) error {
	return s.showRecordKeys(c, who, http.StatusOK, nil)
}

func (s *Site) showRecordKeys(c echo.Context, who login.Visitor, status int, problems fault.Problems) error {
	ctx := c.Request().Context()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	keys, err := s.Upkeep.Keys(ctx, record.Key)
	if err != nil {
		return err
	}
	standings, err := s.Upkeep.Standings(ctx, []store.Edition{{ID: record.ID, Key: record.Key, Name: record.Name, Version: record.Version}})
	if err != nil {
		return err
	}
	page := recordKeysPageOf(s.recordFrame(c, record, "certificates", who), record, keys, standings[record.Key].Certificates, s.Clock())
	page.Metadata = record.SAML.SP(record.Key, s.Flow.Base, nil).MetadataURL
	page.Problems, page.Reason = problems, reasonIn(c.Request().PostForm)
	return s.render(c, status, page)
}

func recordKeysPageOf(around recordFrame, record idms.Record, keys []upkeep.Key, certificates []upkeep.Certificate, now time.Time) adminRecordKeysPage {
	page := adminRecordKeysPage{recordFrame: around, Force: around.Role.May(roles.Owner)}
	for _, one := range certificates {
		if row := certificateRowOf(one, now); one.Ours {
			page.Ours = append(page.Ours, row)
		} else {
			page.Theirs = append(page.Theirs, row)
		}
	}
	page.Steps = rollSteps(page.URL, record, keys, now)
	has := func(part store.KeyPart) bool {
		return slices.ContainsFunc(keys, func(one upkeep.Key) bool { return one.Part == part })
	}
	if has(store.NextKey) && !has(store.FormerKey) {
		page.Undo = page.URL + "/keys/retire"
	}
	return page
}

// rollSteps is the roll-over of a record's own keys, as far as it has come.
func rollSteps(address string, record idms.Record, keys []upkeep.Key, now time.Time) []keyStep {
	part := map[store.KeyPart]upkeep.Key{}
	for _, one := range keys {
		part[one.Part] = one
	}
	next, announced := part[store.NextKey]
	former, switched := part[store.FormerKey]
	due, nextStep, later := badge{"Now", mixed}, badge{"To do", neutral}, badge{"Later", neutral}
	finished := badge{"Done", good}

	announce := keyStep{Name: "Announce the next key", State: nextStep, Action: address + "/keys/announce", Button: "Announce the next key",
		Say: "Our metadata then names both keys, and what is encrypted for the next one is read already. The current one still signs."}
	tell := keyStep{Name: "Let the provider know it", State: later,
		Say: "A provider that reads our metadata by its address does so within a day. Otherwise send its administrator the address of our metadata, or the certificate, to import. Many providers hold one certificate only: agree on a time for the switch, and do both at once."}
	swap := keyStep{Name: "Switch to the next key", State: later,
		Say: "It signs from the next request on, in every process. The former key still reads what is encrypted for it."}
	retire := keyStep{Name: "Retire the former key", State: later,
		Say: "What the provider still encrypts for it is refused from then on, as decryption_failed."}

	switch {
	case announced:
		announce.State, announce.Action, announce.Say = finished, "", "Announced at "+exact(next.Since).When()+"."
		tell.State, tell.Download = due, address+"/certificates/"+next.Fingerprint
		swap.State, swap.Action, swap.Button = due, address+"/keys/switch", "Switch to the next key"
		until := next.Since.Add(upkeep.PublishFor)
		tell.Here, swap.Here = now.Before(until), !now.Before(until)
		if tell.Here {
			swap.State = badge{"From " + exact(until).When(), neutral}
			swap.Early = "A provider that has not read our metadata since refuses what the next key signs"
			if record.SAML.SignRequests {
				swap.Early += ", and this record signs its requests: nobody could log in."
			} else {
				swap.Early += "; this record signs no login requests, so only logout could fail."
			}
		}
	case switched:
		announce.State, announce.Action, announce.Say = finished, "", "The key that signs now was announced before."
		tell.State, swap.State = finished, finished
		swap.Say = "Switched at " + exact(former.Since).When() + ". The key that signs now is named in our metadata."
		retire.Here = true
	default:
		announce.Here = true
	}
	if switched { // also when the next one is announced already
		retire.State, retire.Action, retire.Button = due, address+"/keys/retire", "Retire the former key"
		if until := former.Since.Add(upkeep.PublishFor); now.Before(until) {
			retire.State = badge{"From " + exact(until).When(), neutral}
			retire.Early = "A provider that has not read our metadata since still encrypts for the former key: its logins would be refused as decryption_failed."
		}
	}
	return []keyStep{announce, tell, swap, retire}
}

func (s *Site) adminAnnounceKey(c echo.Context, who login.Visitor) error {
	return s.rollKeys(c, who, "key-announced", func(record string, _ bool, by store.Author) error {
		return s.Upkeep.AnnounceKey(c.Request().Context(), record, by)
	})
}

func (s *Site) adminSwitchKey(c echo.Context, who login.Visitor) error {
	return s.rollKeys(c, who, "key-switched", func(record string, forced bool, by store.Author) error {
		return s.Upkeep.SwitchKey(c.Request().Context(), record, forced, by)
	})
}

func (s *Site) adminRetireKey(c echo.Context, who login.Visitor) error {
	return s.rollKeys(c, who, "key-retired", func(record string, forced bool, by store.Author) error {
		return s.Upkeep.RetireKey(c.Request().Context(), record, forced, by)
	})
}

// rollKeys takes a step of a roll-over; what stands in its way is said on the page.
func (s *Site) rollKeys(c echo.Context, who login.Visitor, what string, step func(record string, forced bool, by store.Author) error) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	values, err := posted(c, maxNote)
	if err != nil {
		return err
	}
	by := s.author(who)
	by.Reason = reasonIn(values)
	if err := step(record.Key, values.Get("force") != "", by); err != nil {
		status, problems, err := mendable(err)
		if err != nil {
			return err
		}
		return s.showRecordKeys(c, who, status, problems)
	}
	return done(c, partOf(record.Key, "certificates"), what)
}

// adminCertificateFile is one of our own certificates, as a file.
func (s *Site) adminCertificateFile(c echo.Context, _ login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	keys, err := s.Upkeep.Keys(c.Request().Context(), record.Key)
	if err != nil {
		return err
	}
	for _, one := range keys {
		if one.Fingerprint == c.Param("fingerprint") {
			c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="idms-`+record.Key+"-"+string(one.Part)+`.pem"`)
			return c.Blob(http.StatusOK, "application/x-pem-file", one.PEM)
		}
	}
	return fault.New(fault.NotFound, "This record has no such key any more.")
}
