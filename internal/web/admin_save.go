package web

import (
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
	"idms/internal/idms"
	"idms/internal/login"
	"idms/internal/store"
)

// proposal is the next version of a record as an administrator asks for it. The
// record has been checked by itself.
type proposal struct {
	Record idms.Record
	Seen   int    // the version that they had before them; 0 of a record that is new
	Reason string // "" when none was given
	Then   string // address to go on to when it is saved
}

// propose saves a record, over the version that its author has seen. What the
// database alone can tell comes back as fault.Invalid with problems at their fields
// (problemsOf), and a record that somebody changed meanwhile as fault.Conflict with
// store.ErrChanged.
func (s *Site) propose(c echo.Context, who login.Visitor, p proposal) error {
	ctx, by := c.Request().Context(), s.author(who)
	by.Reason = p.Reason
	if err := s.Flow.Store.MayChange(ctx, p.Record, by); err != nil {
		return err
	}
	file := idms.File{Records: []idms.Record{p.Record}}
	if p.Record.SAML.AwaitsMetadata() {
		if err := s.Upkeep.Fill(ctx, &file); err != nil {
			return err
		}
	}
	applied, err := s.Flow.Store.ApplyWith(ctx, file, by, store.How{Seen: map[string]int{p.Record.Key: p.Seen}})
	if err != nil {
		return err
	}
	if !applied.Any() {
		return done(c, p.Then, "unchanged")
	}
	return done(c, p.Then, "saved")
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
