package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// Every change of a record by a page goes this way: what the database can tell is
// found in a dry run, then the change is rehearsed over the people of the record,
// and what touches nobody is saved at once. Anything else is shown first, and saved
// when an administrator has seen exactly that.

// proposal is the next version of a record as an administrator asks for it. The
// record has been checked by itself.
type proposal struct {
	Record idms.Record
	Seen   int    // the version that they had before them; 0 of a record that is new
	Reason string // "" when none was given
	Then   string // address to go on to when it is saved
	// Back is where editing goes on when the change is not saved yet. Left out, it is
	// the form that was posted, with everything that was typed into it; a form that was
	// a button alone goes to Then.
	Back string
	// Restoring is the number of the former version of itself that the record is
	// (store.How); 0 for none.
	Restoring int
	// Told says that its author has read on a page of its own what this does to whom,
	// and pressed the button there: nothing is rehearsed and shown once more.
	Told bool
}

// propose checks, tries and rehearses a record over the version that its author has
// seen. It has answered when it returns nil: with a redirect when the record is
// saved, or with a page that says what saving would do. What the database alone can
// tell, and what Fill finds, comes back as fault.Invalid with problems at their
// fields (problemsOf), for the form to show. A handler whose form comes back from
// such a page gets a cameBack, whose problems say so.
func (s *Site) propose(c echo.Context, who login.Visitor, p proposal) error {
	if c.QueryParam(backParam) != "" {
		return s.comeBack(c, p)
	}
	in := intent{proposal: p}
	if p.Back == "" {
		in.From, in.Typed = c.Request().URL.Path, typedIn(c.Request().PostForm)
		if len(in.Typed) == 0 {
			in.Back, in.From = p.Then, ""
		}
	}
	return s.carryOut(c, who, in)
}

// backParam is in the address of a form that is come back to.
const backParam = "back"

// typedIn are the fields of a form in which something was typed: those of a form
// that is a button alone need not be kept.
func typedIn(values url.Values) url.Values {
	for name := range values {
		if name != "seen" && name != "reason" {
			return values
		}
	}
	return nil
}

// intent is a proposal on its way, with the form that it came from.
type intent struct {
	proposal
	From  string     // address of the form; "" when Back is used
	Typed url.Values // into it
	Steps []mergeStep

	Shown     string // digest of what its author has seen of it; "" for nothing yet
	Confirmed bool
}

// rehearseTime bounds a rehearsal, so that a dry run before it and saving after it
// find room in handlerTime.
const rehearseTime = 20 * time.Second

// rehearsalsAtOnce is how many a process has under way.
const rehearsalsAtOnce = 2

// carryOut is propose for an intent.
func (s *Site) carryOut(c echo.Context, who login.Visitor, in intent) error {
	ctx, by := c.Request().Context(), s.author(who)
	by.Reason = in.Reason
	if in.Record.ID == "" && in.Seen > 0 { // it came in a form
		edition, err := s.Flow.Store.Edition(ctx, in.Record.Key)
		if err != nil {
			return err
		}
		in.Record.ID = edition.ID
	}
	if err := s.Flow.Store.MayChange(ctx, in.Record, by); err != nil {
		return err
	}
	file := idms.File{Records: []idms.Record{in.Record}}
	if in.Record.SAML.AwaitsMetadata() {
		if err := s.Upkeep.Fill(ctx, &file); err != nil {
			return err
		}
		in.Record = file.Records[0]
	}
	how := store.How{Seen: map[string]int{in.Record.Key: in.Seen}, Restoring: in.Restoring > 0, DryRun: true}
	tried, err := s.Flow.Store.ApplyWith(ctx, file, by, how)
	switch {
	case errors.Is(err, store.ErrChanged):
		return s.changedMeanwhile(c, who, in, err)
	case errors.Is(err, store.ErrLastOwner):
		return s.lastOwner(c, who, in, err)
	case err != nil:
		return err
	case !tried.Any():
		return done(c, in.Then, "unchanged")
	}
	var told consequences
	if !in.Told {
		if told, err = s.rehearse(ctx, in, tried.Records[0]); err != nil {
			return err
		}
	}
	if told.Any() && (in.Shown != told.digest || told.Grave && !in.Confirmed) {
		return s.showRehearsal(c, who, in, told)
	}
	how.DryRun = false
	applied, err := s.Flow.Store.ApplyWith(ctx, file, by, how)
	switch {
	case errors.Is(err, store.ErrChanged):
		return s.changedMeanwhile(c, who, in, err)
	case errors.Is(err, store.ErrLastOwner):
		return s.lastOwner(c, who, in, err)
	case err != nil:
		return err
	case !applied.Any():
		return done(c, in.Then, "unchanged")
	}
	if in.Record.State == idms.Draft {
		return done(c, in.Then, "drafted")
	}
	return done(c, in.Then, "saved")
}

// consequences are what saving a record would do.
type consequences struct {
	idms.Rehearsal
	Unfinished bool // time was over before everybody was looked at
	Ended      int  // sessions (S53)
	Warnings   fault.Problems
	Changes    []audit.Change
	Grave      bool // ask before it is saved
	Version    int  // that it would be
	digest     string
}

// Any is true when somebody should look before it is saved.
func (q consequences) Any() bool {
	return q.Rehearsal.Any() || q.Unfinished || q.Ended > 0 || len(q.Warnings) > 0
}

func (s *Site) rehearse(ctx context.Context, in intent, tried store.Difference) (consequences, error) {
	told := consequences{Ended: tried.SessionsEnded, Changes: tried.Fields, Version: tried.Version}
	var former idms.Record
	if in.Seen > 0 {
		var err error
		if former, err = s.Flow.Store.Record(ctx, in.Record.Key); err != nil {
			return told, err
		}
		working, stop := context.WithTimeout(ctx, rehearseTime)
		defer stop()
		told.Rehearsal, err = s.inTurn(working, in.Record)
		switch {
		case err != nil && ctx.Err() == nil && errors.Is(working.Err(), context.DeadlineExceeded):
			told.Unfinished = true
		case err != nil:
			return told, err
		}
	}
	told.Warnings = append(slices.Clone(tried.Warnings), s.newWarnings(former, in.Record)...)
	told.Grave = told.Rehearsal.Grave() || told.Unfinished
	var err error
	told.digest, err = digestOf(in, told)
	return told, err
}

// inTurn rehearses when there is a place for it, so that many administrators at once
// leave the logins their share of the machine. Whoever waits for the whole time has
// an unfinished rehearsal.
func (s *Site) inTurn(ctx context.Context, record idms.Record) (idms.Rehearsal, error) {
	select {
	case s.rehearsals <- struct{}{}:
		defer func() { <-s.rehearsals }()
		return s.Flow.Rehearse(ctx, record)
	case <-ctx.Done():
		return idms.Rehearsal{}, ctx.Err()
	}
}

// newWarnings are those that the record in force does not have. One that takes no
// logins harms nobody, whatever it says.
func (s *Site) newWarnings(former, next idms.Record) fault.Problems {
	known := map[fault.Problem]bool{}
	for _, one := range s.warningsOf(former) {
		known[one] = true
	}
	return slices.DeleteFunc(s.warningsOf(next), func(one fault.Problem) bool { return known[one] })
}

// warningsOf are the warnings of a record in force, with the keys of rules in their
// paths: a rule that moves is still the same one.
func (s *Site) warningsOf(record idms.Record) fault.Problems {
	if record.State != idms.Active {
		return nil
	}
	warnings := record.Warnings(s.Clock())
	if s.Warn != nil {
		warnings = append(warnings, s.Warn(record)...)
	}
	for i := range warnings {
		warnings[i].Field = byKey(record, warnings[i].Field)
	}
	return warnings
}

// byKey is a path in a record with a rule's key in place of its place.
func byKey(record idms.Record, path string) string {
	list, rest, ok := strings.Cut(path, "[")
	place, field, closed := strings.Cut(rest, "]")
	at, err := strconv.Atoi(place)
	if !ok || !closed || err != nil {
		return path
	}
	key := ruleKey(record, list, at)
	if key == "" {
		return path
	}
	return list + "[" + key + "]" + field
}

// ruleKey is the key of a rule by its list and place, "" for none.
func ruleKey(record idms.Record, list string, at int) string {
	switch {
	case at < 0:
	case list == validationRules && at < len(record.Validation):
		return record.Validation[at].Key
	case list == accessRules && at < len(record.Access):
		return record.Access[at].Key
	case list == associations && at < len(record.Associations):
		return record.Associations[at].Key
	}
	return ""
}

// The lists of rules, as in a record file.
const (
	validationRules = "validation_rules"
	accessRules     = "access_rules"
	associations    = "associations"
)

// digestOf is the same for two looks at a change as long as its author would read
// the same of it. How many people are unchanged or unknown is left out, and how many
// sessions: somebody logs in all the time.
func digestOf(in intent, told consequences) (string, error) {
	candidate, err := candidateOf(in.Record)
	if err != nil {
		return "", err
	}
	said := struct {
		Seen               int
		Candidate          []byte
		Kinds              []turnKind
		Unfinished, Ended  bool
		Losing, LosingRole int
		Warnings           fault.Problems
	}{in.Seen, candidate, kindsOf(told.Rehearsal), told.Unfinished, told.Ended > 0, told.Losing, told.AdministratorsLosing, told.Warnings}
	if told.Unfinished { // no two looks get equally far
		said.Kinds, said.Losing, said.LosingRole = nil, 0, 0
	}
	text, err := json.Marshal(said)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// candidateOf is a record as a form carries it.
func candidateOf(record idms.Record) ([]byte, error) { return json.Marshal(idms.DocumentOf(record)) }

// adminSaveRecord saves what a rehearsal has shown, if it is still so.
func (s *Site) adminSaveRecord(c echo.Context, who login.Visitor) error {
	in, problems, err := s.readIntent(c)
	if err != nil {
		return err
	}
	if problems.Any() {
		return s.stopped(c, who, in, http.StatusUnprocessableEntity, problems)
	}
	err = s.carryOut(c, who, in)
	if problems := problemsOf(err); problems.Any() {
		return s.stopped(c, who, in, http.StatusUnprocessableEntity, problems)
	}
	return err
}

// maxIntent bounds the form of a rehearsal: the record, and the form that it came
// from.
const maxIntent = 2 * maxForm

// Bounds of what an intent says beside the record.
const (
	maxReason  = 500  // characters
	maxAddress = 2048 // bytes
)

// readIntent reads what a page of ours has carried. Its addresses lead to pages of
// administrators, and what it restores is what that version was, whatever came.
func (s *Site) readIntent(c echo.Context) (intent, fault.Problems, error) {
	values, err := posted(c, maxIntent)
	if err != nil {
		return intent{}, nil, err
	}
	var problems fault.Problems
	key := c.Param("record")
	home := adminPath + "/records"
	if idms.IsKey(key) && key != idms.LocalKey {
		home = recordPage(key)
	}
	in := intent{
		proposal: proposal{Reason: reasonIn(values), Then: ownAddress(values.Get("then"), home)},
		Shown:    values.Get("shown"), Confirmed: values.Get("confirmed") == "yes",
	}
	in.Steps = readSteps(values.Get("steps"))
	in.Seen, err = strconv.Atoi(values.Get("seen"))
	if err != nil || in.Seen < 0 {
		problems.Add("", "The form does not say which version of the record it was made for. Open the record again.")
	}
	if in.From = ownAddress(values.Get("from"), ""); in.From == "" {
		in.Back = ownAddress(values.Get("back"), in.Then)
	} else if in.Typed, err = url.ParseQuery(values.Get("typed")); err != nil {
		in.From, in.Back, in.Typed = "", in.Then, nil
	}
	var document idms.Document
	if problems.Under("", idms.ReadJSON([]byte(values.Get("candidate")), &document)); problems.Any() {
		return in, problems, nil
	}
	record, wrong := document.Checked()
	problems.Under("", wrong)
	if record.Key != key {
		problems.Add("key", "The form was made for another record.")
	}
	in.Record = record
	if in.Restoring, err = s.restoredIn(c.Request().Context(), values, record); err != nil {
		return intent{}, nil, err
	}
	return in, problems, nil
}

// restoredIn is the number of the former version that a form says its record is, and 0
// when it is no such version: then it is saved as anything else that was typed.
func (s *Site) restoredIn(ctx context.Context, values url.Values, record idms.Record) (int, error) {
	number, err := strconv.ParseInt(values.Get("restoring"), 10, 32)
	if err != nil || number < 1 {
		return 0, nil
	}
	former, err := s.Flow.Store.RecordAt(ctx, record.Key, int(number))
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	if err != nil || !sameRecord(former, record) {
		return 0, err
	}
	return int(number), nil
}

// ownAddress is an address of an administrators' page, or otherwise another one.
func ownAddress(address, otherwise string) string {
	at, err := url.Parse(address)
	if err != nil || len(address) > maxAddress || at.Scheme != "" || at.Host != "" || at.User != nil || at.Opaque != "" ||
		!strings.HasPrefix(at.Path, adminPath+"/") || strings.Contains(at.Path, "..") || strings.ContainsAny(address, "\\\r\n\t") {
		return otherwise
	}
	return address
}

// problemsOf are the problems in an error that the database found in one record, by
// their paths in it; none in any other error.
func problemsOf(err error) fault.Problems {
	var list fault.Problems
	for _, one := range fault.ProblemsOf(err) {
		list.Add(strings.TrimPrefix(one.Field, "records[0]."), "%s", one.Message)
	}
	return list
}
