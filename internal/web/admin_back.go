package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/idms"
)

// Two people change one record. What somebody typed is theirs relative to the version
// that they had before them, and nothing else is: so a form makes its record of that
// version, whatever is in force by then, and both changes are put together field by
// field. Whoever comes back to a form after that finds their own changes in it, made
// to the newest version.

// recordSeen is the version of a record that the author of a form had before them.
func (s *Site) recordSeen(ctx context.Context, record idms.Record, seen int) (idms.Record, error) {
	if seen == record.Version {
		return record, nil
	}
	former, err := s.Flow.Store.RecordAt(ctx, record.Key, seen)
	if fault.KindOf(err) == fault.NotFound {
		return former, fault.New(fault.Invalid, "The form was made for a version of the record that there is not. Open the page again.")
	}
	return former, err
}

// mergeStep is a version that changes were put together with, and the fields of which
// its author chose theirs. The form that they come from does not know of either.
type mergeStep struct {
	On   int      `json:"on"`
	Mine []string `json:"mine,omitempty"`
}

// maxSteps bounds how often one change is put together with others'. Beyond, the way
// back forgets what was chosen, and offers one's own everywhere.
const maxSteps = 20

// readSteps are the steps that a page of ours has carried; what is none counts for
// nothing.
func readSteps(text string) []mergeStep {
	var steps []mergeStep
	if text == "" || json.Unmarshal([]byte(text), &steps) != nil || len(steps) > maxSteps {
		return nil
	}
	return steps
}

// putTogether merges what two people made of one version. Metadata that was read from
// an address goes with its address: that of one provider at the address of another
// would let its people in.
func putTogether(base, theirs idms.Record, mine document, takeMine func(field string) bool) (document, []audit.Collision, error) {
	var merged document
	hers := idms.DocumentOf(theirs)
	var sides [3][]byte
	for i, one := range []document{idms.DocumentOf(base), hers, mine} {
		var err error
		if sides[i], err = json.Marshal(one); err != nil {
			return merged, nil, err
		}
	}
	text, collisions, err := audit.Merge(sides[0], sides[1], sides[2], takeMine)
	if err != nil {
		return merged, nil, err
	}
	if problems := idms.ReadJSON(text, &merged); problems.Any() {
		return merged, nil, fmt.Errorf("putting two versions of record %s together: %w", theirs.Key, problems.Err())
	}
	if address := base.SAML.MetadataURL; mine.SAML.MetadataURL == address && hers.SAML.MetadataURL == address {
		return merged, collisions, nil
	}
	if merged.SAML.Metadata = mine.SAML.Metadata; merged.SAML.MetadataURL == hers.SAML.MetadataURL {
		merged.SAML.Metadata = hers.SAML.Metadata
	}
	var chosen []audit.Collision
	for _, one := range collisions {
		if one.Field != "saml.metadata" {
			chosen = append(chosen, one)
		}
	}
	return merged, chosen, nil
}

// cameBack is what propose answers with to whoever comes back to a form. Its problems
// say so, and are none that anybody has to mend.
type cameBack struct {
	says fault.Problems
	// With Newer the form is to be made of Base, the version in force, with Document in
	// it. Without, it is as it was left.
	Newer    bool
	Base     idms.Record
	Document document
}

func (b *cameBack) Error() string { return b.Unwrap().Error() }
func (b *cameBack) Unwrap() error { return b.says.Err() }

// newerBack is what a form is to be made of that is come back to, when it is not as it
// was left.
func newerBack(err error) (*cameBack, bool) {
	back, ok := errors.AsType[*cameBack](err)
	return back, ok && back.Newer
}

const saidBack = "You are back at the form. Nothing was saved."

// isBack is true for the problems that are none.
func isBack(problems fault.Problems) bool {
	return len(problems) > 0 && strings.HasPrefix(problems[0].Message, saidBack)
}

// backStatus is that of a form that is shown again.
func backStatus(problems fault.Problems) int {
	if isBack(problems) {
		return http.StatusOK
	}
	return http.StatusUnprocessableEntity
}

// bothShown is how many fields a form says that both changed.
const bothShown = 20

// comeBack makes what somebody wants to change anew of the version in force: with what
// they chose on the way, and their own where they have chosen nothing yet.
func (s *Site) comeBack(c echo.Context, p proposal) error {
	ctx, back := c.Request().Context(), &cameBack{says: fault.Problems{{Message: saidBack}}}
	if p.Seen == 0 {
		return back
	}
	base, err := s.Flow.Store.RecordAt(ctx, p.Record.Key, p.Seen)
	if err != nil {
		return err
	}
	back.Document = idms.DocumentOf(p.Record)
	steps := readSteps(c.Request().PostForm.Get("steps"))
	var both []audit.Collision
	for i := 0; i <= len(steps); i++ {
		last := i == len(steps)
		var theirs idms.Record
		mine := func(string) bool { return true }
		if last {
			theirs, err = s.Flow.Store.Record(ctx, p.Record.Key)
		} else {
			theirs, err = s.Flow.Store.RecordAt(ctx, p.Record.Key, steps[i].On)
			mine = func(field string) bool { return slices.Contains(steps[i].Mine, field) }
		}
		if err != nil {
			return err
		}
		if theirs.Version == base.Version {
			continue
		}
		var collisions []audit.Collision
		if back.Document, collisions, err = putTogether(base, theirs, back.Document, mine); err != nil {
			return err
		}
		if base = theirs; last {
			both = collisions
		}
	}
	if back.Base = base; base.Version == p.Seen {
		return back
	}
	back.Newer = true
	back.says[0].Message = fmt.Sprintf("%s Somebody else has changed the record meanwhile: the form is made of version %d now, with your changes in it.", saidBack, base.Version)
	for i, one := range both {
		if i == bothShown {
			back.says.Add("", "%d more fields were changed by both. Yours stands in them.", len(both)-i)
			break
		}
		theirs := "theirs is " + one.Theirs
		if one.Theirs == "" {
			theirs = "they have taken it away"
		}
		back.says.Add(one.Field, "Both changed %s. Yours stands here; %s.", clip(160, one.Field), theirs)
	}
	return back
}
