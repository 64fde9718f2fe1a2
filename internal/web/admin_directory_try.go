package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/directory"
	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/ldapsync"
	"idms/internal/login"
)

// directoryTrial is the part of the form that tries the settings as they are typed.
// The password is in no page: it is typed for one test, and kept nowhere.
type directoryTrial struct {
	Person, Group string // to look up, as typed
	Results       []directoryTested
}

// The fields of a trial are no settings.
const (
	trialPrefix   = "test."
	trialPassword = trialPrefix + "password"
	trialPerson   = trialPrefix + "person"
	trialGroup    = trialPrefix + "group"
)

// tryDirectory asks a directory by settings as they are typed, and saves nothing.
// What is wrong with the other fields of the record is nobody's concern here.
func (s *Site) tryDirectory(c echo.Context, who login.Visitor, record idms.Record, settings ldapsync.Settings, password string, typed url.Values, problems fault.Problems) (results []directoryTested, status int, found fault.Problems, err error) {
	problems.Under("directory", settings.Check())
	trial := directory.Trial{Record: record, Settings: settings, Password: password,
		Person: strings.TrimSpace(typed.Get(trialPerson)), Group: strings.TrimSpace(typed.Get(trialGroup))}
	for field, name := range map[string]string{trialPerson: trial.Person, trialGroup: trial.Group} {
		if len(name) > maxLookedUp {
			problems.Add(field, "The name is longer than %d bytes.", maxLookedUp)
		}
	}
	if len(password) > maxPassword {
		problems.Add(trialPassword, "The password is longer than %d bytes.", maxPassword)
	}
	if problems.Any() {
		return nil, http.StatusUnprocessableEntity, problems, nil
	}
	tried, err := s.Directory.Try(c.Request().Context(), trial, s.author(who))
	if wrong := fault.ProblemsOf(err); wrong.Any() {
		problems.Under("test", wrong)
		return nil, http.StatusUnprocessableEntity, problems, nil
	}
	if errors.Is(err, directory.ErrTesting) {
		problems.Add("", "%s", fault.Sentence(err))
		return nil, http.StatusConflict, problems, nil
	}
	results, err = triedResults(tried, trial, err)
	return results, http.StatusOK, nil, err
}

// triedResults are the answers, each judged. The error is of the last one; what is no
// answer of a directory comes back.
func triedResults(tried directory.Tried, trial directory.Trial, err error) ([]directoryTested, error) {
	results := []directoryTested{testedConnection(&tried.Connection)}
	if tried.Person != nil {
		results = append(results, testedEntry(tried.Person, "person", tried.Named))
	}
	if tried.Group != nil {
		results = append(results, testedEntry(tried.Group, "group", trial.Group))
	}
	return judgeAll(results, err)
}

func judgeAll(results []directoryTested, err error) ([]directoryTested, error) {
	for i := range results {
		var of error
		if i == len(results)-1 {
			of = err
		}
		if err := results[i].judge(of); err != nil {
			return nil, err
		}
	}
	return results, nil
}
