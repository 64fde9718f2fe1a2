package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// BenchmarkLists measures a page of each list in a house with 10,000 people, 200
// records and 100,000 traces, first and far behind.
func BenchmarkLists(b *testing.B) {
	h := newHouse(b)
	by := store.Author{Who: "test", Now: noon}
	var file idms.File
	for i := range 200 {
		file.Records = append(file.Records, idms.Record{Key: fmt.Sprintf("r%03d", i), Name: "R", State: idms.Draft, CreateUsers: true})
	}
	file.Groups = append(file.Groups, groups.Group{Key: "all", Name: "All"})
	if _, err := h.store.Apply(b.Context(), file, by); err != nil {
		b.Fatal(err)
	}
	acme, err := h.store.Edition(b.Context(), "acme")
	if err != nil {
		b.Fatal(err)
	}
	err = h.store.InTx(b.Context(), func(tx *store.Tx) error {
		for i := range 10_000 {
			id := store.NewID()
			if err := tx.CreateUser(users.Account{ID: id, RecordID: acme.ID, Created: noon,
				Profile: users.Profile{Username: fmt.Sprintf("user%05d", i), Email: fmt.Sprintf("user%05d@example.org", i), FirstName: "A", LastName: "B"}}); err != nil {
				return err
			}
			if err := tx.ApplyChanges(id, []groups.Change{{Group: "all", Source: groups.Source{Kind: groups.Manual, By: "bob"}}}, noon); err != nil {
				return err
			}
		}
		for i := range 100_000 {
			if err := tx.SaveTrace(store.Trace{Ref: store.NewRef(), Record: fmt.Sprintf("r%03d", i%199), At: noon.Add(time.Duration(i) * time.Second),
				Verified: true, Admitted: i%50 != 0, Version: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	far := func(path string, pages int) string {
		at := path
		for range pages {
			var page list[struct{}]
			h.ask(roles.Owner, "GET", at, "").is(http.StatusOK).into(&page)
			if page.Next == "" {
				break
			}
			at = path + "&cursor=" + page.Next
		}
		return at
	}
	for name, path := range map[string]string{
		"records":              "/records?limit=200",
		"users":                "/users?limit=200",
		"users far behind":     far("/users?limit=200", 45),
		"users searched":       "/users?limit=200&q=user0999",
		"members far behind":   far("/groups/all/members?limit=200", 45),
		"traces":               "/traces?limit=200",
		"traces far behind":    far("/traces?limit=200", 400),
		"traces of one record": "/traces?limit=200&record=r007",
		"traces of none":       "/traces?limit=200&record=r199",
		"traces refused":       "/traces?limit=200&outcome=refused",
		"audit of one record":  "/audit?limit=200&record=r007",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h.ask(roles.Owner, "GET", path, "").is(http.StatusOK)
			}
		})
	}
}
