package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"idms/internal/idms"
	"idms/internal/store"
)

// rehearsed is what a changed record would do to its people, in the form of its
// JSON.
type rehearsed struct {
	Record       string     `json:"record"`
	People       int        `json:"people"`
	Unknown      int        `json:"unknown"` // nothing is recorded to go by
	Unchanged    int        `json:"unchanged"`
	GainLogin    idms.Some  `json:"gain_login"`
	LoseLogin    idms.Some  `json:"lose_login"`
	OtherAccount idms.Some  `json:"other_account"`
	Raised       idms.Some  `json:"level_raised"`
	Lowered      idms.Some  `json:"level_lowered"`
	Joins        []groupSum `json:"join"`
	Leaves       []groupSum `json:"leave"`
}

type groupSum struct {
	Group string `json:"group"`
	idms.Some
}

// rehearse says what each record that a dry run found changed would do to its
// people.
func (h *house) rehearse(ctx context.Context, records []idms.Record, applied store.Applied) ([]rehearsed, error) {
	var all []rehearsed
	for _, difference := range applied.Records {
		at := slices.IndexFunc(records, func(r idms.Record) bool { return r.Key == difference.Key })
		if difference.Kind != store.Changed || at < 0 {
			continue // a new record has nobody; of a deleted one the difference says what becomes of its people
		}
		r, err := h.flow.Rehearse(ctx, records[at])
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", difference.Key, err)
		}
		all = append(all, rehearsed{
			Record: difference.Key, People: r.People, Unknown: r.Unknown, Unchanged: r.Unchanged,
			GainLogin: listed(r.GainLogin), LoseLogin: listed(r.LoseLogin), OtherAccount: listed(r.OtherAccount),
			Raised: listed(r.Raised), Lowered: listed(r.Lowered), Joins: sums(r.Joins), Leaves: sums(r.Leaves),
		})
	}
	return all, nil
}

// listed has [] and not null where there is nobody.
func listed(some idms.Some) idms.Some {
	some.First = append([]string{}, some.First...)
	return some
}

func sums(of map[string]idms.Some) []groupSum {
	list := []groupSum{}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		list = append(list, groupSum{key, listed(of[key])})
	}
	return list
}

func (r rehearsed) write(w *strings.Builder) {
	fmt.Fprintf(w, "rehearsal of %s: %s; %d as before, %d not known\n", r.Record, quantity(r.People, "person", "people"), r.Unchanged, r.Unknown)
	line := func(some idms.Some, one, many string) {
		if some.Count == 0 {
			return
		}
		names := make([]string, len(some.First))
		for i, name := range some.First {
			names[i] = fmt.Sprintf("%q", name)
		}
		more := ""
		if some.Count > len(names) {
			more = ", …"
		}
		fmt.Fprintf(w, "    %s: %s%s\n", quantity(some.Count, one, many), strings.Join(names, ", "), more)
	}
	line(r.GainLogin, "person can log in again", "people can log in again")
	line(r.LoseLogin, "person can no longer log in", "people can no longer log in")
	line(r.OtherAccount, "person would come as another account", "people would come as other accounts")
	line(r.Raised, "person gets a higher level", "people get a higher level")
	line(r.Lowered, "person gets a lower level", "people get a lower level")
	for _, group := range r.Joins {
		line(group.Some, "person joins "+group.Group, "people join "+group.Group)
	}
	for _, group := range r.Leaves {
		line(group.Some, "person leaves "+group.Group, "people leave "+group.Group)
	}
}
