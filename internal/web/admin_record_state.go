package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// adminRecordStatePage asks before a record is switched on, disabled or deleted, and
// says whom it touches.
type adminRecordStatePage struct {
	recordFrame
	form
	To       recordChange
	Seen     int    // the version that is changed
	Reason   string // as typed
	Typed    string // the record's name, before it is deleted
	Already  bool   // it is so
	Sessions int    // that end
	People   int    // of the record
	Members  int    // memberships of these people
	Warnings []recordWarning
	Hinders  []recordWarning // it cannot be done before these are mended
}

// recordChange is what becomes of a record on such a page.
type recordChange string

const (
	toActive   recordChange = "active"
	toDisabled recordChange = "disabled"
	toDeleted  recordChange = "deleted"
)

func (adminRecordStatePage) file() string { return "admin_record_state.html" }

func (s *Site) adminAskSwitchOn(c echo.Context, who login.Visitor) error {
	return s.askState(c, who, toActive)
}

func (s *Site) adminAskDisable(c echo.Context, who login.Visitor) error {
	return s.askState(c, who, toDisabled)
}

func (s *Site) adminAskDelete(c echo.Context, who login.Visitor) error {
	return s.askState(c, who, toDeleted)
}

func (s *Site) askState(c echo.Context, who login.Visitor, to recordChange) error {
	return s.showState(c, who, to, http.StatusOK, url.Values{}, nil)
}

// showState renders such a page, with what was typed and what stands in the way.
func (s *Site) showState(c echo.Context, who login.Visitor, to recordChange, status int, typed url.Values, problems fault.Problems) error {
	ctx, now := c.Request().Context(), s.Clock()
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	page := adminRecordStatePage{recordFrame: s.recordFrame(c, record, "", who), To: to, Seen: record.Version,
		Reason: typed.Get("reason"), Typed: typed.Get("name"), Already: string(record.State) == string(to)}
	page.Problems = problems
	if page.Sessions, err = s.Flow.Store.OpenSessions(ctx, record.ID, now); err != nil {
		return err
	}
	list, _, err := s.Flow.Store.Summaries(ctx, store.RecordFilter{Key: record.Key}, "", 1)
	if err != nil {
		return err
	}
	for _, one := range list {
		page.People = one.People
	}
	if err := s.foresee(c, who, record, &page); err != nil {
		return err
	}
	return s.render(c, status, page)
}

// foresee tries a change, and takes it back: what stands in its way is told before
// somebody presses a button.
func (s *Site) foresee(c echo.Context, who login.Visitor, record idms.Record, page *adminRecordStatePage) error {
	ctx, by := c.Request().Context(), s.author(who)
	if page.Already {
		return nil
	}
	if page.To == toDeleted {
		gone, err := s.Flow.Store.DeleteRecord(ctx, record.Key, record.Version, by, store.How{DryRun: true})
		page.Members = gone.Memberships
		return page.hinder(record.Key, err)
	}
	next := record
	next.State = idms.State(page.To)
	if problems := next.Check(); problems.Any() {
		return page.hinder(record.Key, problems.Err())
	}
	if next.State == idms.Active {
		page.warn(record.Key, s.adviceOn(next))
	}
	if next.SAML.AwaitsMetadata() {
		return nil // which is read when it is saved
	}
	tried, err := s.Flow.Store.ApplyWith(ctx, idms.File{Records: []idms.Record{next}}, by, store.How{DryRun: true, Seen: map[string]int{record.Key: record.Version}})
	for _, one := range tried.Records {
		page.warn(record.Key, one.Warnings)
	}
	return page.hinder(record.Key, err)
}

func (p *adminRecordStatePage) warn(key string, warnings fault.Problems) {
	for _, one := range warnings {
		p.Warnings = append(p.Warnings, recordWarning{one.Field, one.Message, fieldPage(key, one.Field)})
	}
}

// hinder keeps what an administrator can mend, and passes anything else on.
func (p *adminRecordStatePage) hinder(key string, err error) error {
	if err == nil {
		return nil
	}
	_, problems, rest := mendable(err)
	for _, one := range problems {
		p.Hinders = append(p.Hinders, recordWarning{one.Field, one.Message, fieldPage(key, one.Field)})
	}
	return rest
}

func (s *Site) adminDoSwitchOn(c echo.Context, who login.Visitor) error {
	return s.changeState(c, who, toActive)
}

func (s *Site) adminDoDisable(c echo.Context, who login.Visitor) error {
	return s.changeState(c, who, toDisabled)
}

// changeState proposes a record in another state, and nothing else of it.
func (s *Site) changeState(c echo.Context, who login.Visitor, to recordChange) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	values, err := posted(c, maxNote)
	if err != nil {
		return err
	}
	seen := seenIn(values)
	if seen == 0 {
		return s.showState(c, who, to, http.StatusUnprocessableEntity, values, fault.Problems{{Message: "Look at what this does first, and do it from here."}})
	}
	if record, err = s.recordSeen(c.Request().Context(), record, seen); err != nil {
		return err
	}
	record.State = idms.State(to)
	if problems := record.Check(); problems.Any() {
		return s.showState(c, who, to, http.StatusUnprocessableEntity, values, nil) // where they stand
	}
	err = s.propose(c, who, proposal{Record: record, Seen: seen, Reason: reasonIn(values), Then: recordPage(record.Key), Told: true})
	if list := problemsOf(err); list.Any() {
		return s.showState(c, who, to, http.StatusUnprocessableEntity, values, unlinked(list))
	}
	return err
}

// unlinked are problems on a page that does not have their fields.
func unlinked(list fault.Problems) fault.Problems {
	var plain fault.Problems
	for _, one := range list {
		if one.Field != "" {
			one.Message = one.Field + ": " + one.Message
		}
		plain = append(plain, fault.Problem{Message: one.Message})
	}
	return plain
}

// adminDoDelete deletes a record, when its name was typed.
func (s *Site) adminDoDelete(c echo.Context, who login.Visitor) error {
	record, err := s.shownRecord(c)
	if err != nil {
		return err
	}
	values, err := posted(c, maxNote)
	if err != nil {
		return err
	}
	if typed := squeezed(values.Get("name")); typed != squeezed(record.Name) && typed != record.Key {
		var problems fault.Problems
		problems.Add("name", "This is not the name of the record. Write %s, or its key %s.", record.Name, record.Key)
		return s.showState(c, who, toDeleted, http.StatusUnprocessableEntity, values, problems)
	}
	seen := seenIn(values)
	if seen == 0 {
		return s.showState(c, who, toDeleted, http.StatusUnprocessableEntity, values, fault.Problems{{Message: "Look at what this does first, and do it from here."}})
	}
	by := s.author(who)
	by.Reason = reasonIn(values)
	if _, err := s.Flow.Store.DeleteRecord(c.Request().Context(), record.Key, seen, by, store.How{}); err != nil {
		status, problems, err := mendable(err)
		if err != nil {
			return err
		}
		return s.showState(c, who, toDeleted, status, values, problems)
	}
	return done(c, adminPath+"/records", "record-deleted")
}

// Heading is the question of the page.
func (p adminRecordStatePage) Heading() string {
	name := clip(60, p.Name)
	switch p.To {
	case toActive:
		return fmt.Sprintf("Switch %s on?", name)
	case toDisabled:
		return fmt.Sprintf("Disable %s?", name)
	}
	return fmt.Sprintf("Delete %s?", name)
}

// squeezed is a name as people compare names by eye: white space counts once, and
// not at the ends.
func squeezed(name string) string { return strings.Join(strings.Fields(name), " ") }
