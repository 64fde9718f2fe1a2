package web

import (
	"net/http"
	"strings"
	"time"

	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/users"
)

// groupSamples are the states of the pages of groups.
func groupSamples(s sampling) []sample {
	now := s.now
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	platform := groups.Group{Key: "platform", Name: "Platform team"}
	owners := groups.Group{Key: roles.Owner.Group(), Name: roles.Owner.GroupName()}
	long := groups.Group{Key: strings.Repeat("department-", 5) + "of", Name: strings.Repeat("Abteilungsleiterversammlung", 5)}
	arabic := groups.Group{Key: "support", Name: sampleName}
	acme := store.Edition{Key: "acme", Name: "Acme", Version: 7, State: idms.Active}
	listed := func(username, first, last string) store.Listed {
		return store.Listed{Record: acme, Account: users.Account{ID: id, Profile: users.Profile{Username: username, Email: username + "@acme.example", FirstName: first, LastName: last}}}
	}
	ada, layla := listed("ada", "Ada", "Okafor"), listed("layla", "ليلى", "حداد")
	novel := listed(strings.Repeat("wolfeschlegelsteinhausen", 4), "Hubert", "Müller")
	source := groups.Source{Kind: groups.FromAssociation, Record: "acme", By: "platform", Since: now.AddDate(0, -3, 0)}
	byHand := groups.Source{Kind: groups.Manual, By: "grace", Since: now.AddDate(0, -1, 0)}
	byDirectory := groups.Source{Kind: groups.FromDirectory, Record: "acme", By: "acme", Since: now.AddDate(0, -1, 0)}

	list := func(role roles.Role, query string, all ...store.CountedGroup) adminGroupsPage {
		page := adminGroupsPage{adminFrame: s.framed("Groups", "groups", role), Query: query}
		for _, one := range all {
			page.Groups = append(page.Groups, countedRowOf(one))
		}
		return page.withOptions()
	}
	full := list(roles.Editor, "", store.CountedGroup{Group: platform, Members: 5120}, store.CountedGroup{Group: owners, Members: 1},
		store.CountedGroup{Group: long, Members: store.CountedTo}, store.CountedGroup{Group: arabic})
	full.Next = "/admin/groups?cursor=x"

	group := func(role roles.Role, of groups.Group, members []store.Member, pointers []groups.Pointer, held ...store.HeldHere) adminGroupPage {
		page := adminGroupPageOf(s.framed("Group", "groups", role), of)
		page.groupRow.Members = len(members)
		page.show(members, pointers, held)
		return page.withOptions()
	}
	members := []store.Member{{Listed: ada, Sources: []groups.Source{source, byHand}}, {Listed: novel, Sources: []groups.Source{source}}, {Listed: layla, Sources: []groups.Source{byDirectory}}}
	pointers := []groups.Pointer{{Record: "acme", Rule: "platform"}, {Record: "globex", Rule: "platform-of-the-north"}}
	stop := store.HeldHere{Run: store.Run{ID: id, Record: "acme"}, Since: now.Add(-26 * time.Hour), Total: 22, Whom: []string{"layla", strings.Repeat("novel", 20), "edsger"}}
	whole := group(roles.Editor, platform, members, pointers, stop)
	whole.Left, whole.Next = 2, "/admin/groups/platform?cursor=x"
	filtered := group(roles.Reader, platform, nil, nil)
	filtered.Kind, filtered.Left = string(groups.FromSCIM), 1

	made := adminNewGroupPage{adminFrame: s.framed("Create a group", "groups", roles.Editor), Key: "Platform!", Name: ""}
	made.Problems = idms.CheckGroup(groups.Group{Key: made.Key})
	edit := adminGroupEditPageOf(s.framed("Rename or delete", "groups", roles.Editor), long)
	edit.groupRow.Members = 5120
	pointed := adminGroupEditPageOf(s.framed("Rename or delete", "groups", roles.Editor), arabic)
	pointed.Rules = pointerRowsOf(pointers)
	pointed.Problems = fault.Problems{{Field: "name", Message: `The group is called "Platform" now. Read it again, and make your change anew.`}}

	add := adminGroupAddPageOf(s.framed("Add a person", "groups", roles.Owner), owners)
	add.Query, add.More = "a", true
	for _, one := range []store.Listed{ada, novel, layla} {
		add.People = append(add.People, candidateRow{personRowOf(one), id})
	}
	nobody := adminGroupAddPageOf(s.framed("Add a person", "groups", roles.Editor), platform)
	nobody.Query = "<b>nobody</b>"
	nobody.Problems = fault.Problems{{Field: "q", Message: "Choose a person. This one is not here any more, or none was chosen."}}

	left := []store.Left{{Group: arabic, Record: "acme", Rule: "heads", Members: 1}, {Group: owners, Record: "acme", Rule: "admins", Members: 2}, {Group: platform, Record: "globex", Rule: "platform", Members: 5000}}
	all := adminLeftPageOf(s.framed("Left by deleted associations", "groups", roles.Editor), groups.Group{}, left)
	one := adminLeftPageOf(s.framed("Left by deleted associations", "groups", roles.Editor), platform, left[2:])
	one.showPeople(members[:2])
	one.Problems = fault.Problems{{Message: "Say what to do: remove people, or adopt them."}}
	tried := store.Settled{Left: left[:1], Reasons: 5, People: 5, Leaving: 2}
	remove := adminSettlePageOf(s.framed("Left by deleted associations", "groups", roles.Editor), groups.Group{}, "remove", store.LeftChoice{}, tried)
	tried.Leaving, tried.More = 0, true
	adopted := adminSettlePageOf(s.framed("Left by deleted associations", "groups", roles.Owner), platform, adopt, store.LeftChoice{Group: "platform", User: id}, tried)
	adopted.Username = "layla"
	adopted.Problems = fault.Problems{{Message: "Something else would happen now than when you looked: to other people, or for other reasons. Nothing was done. Look again, and decide anew."}}

	return []sample{
		{"admin-groups", http.StatusOK, full},
		{"admin-groups-none", http.StatusOK, list(roles.Reader, "<b>nothing</b>")},
		{"admin-group", http.StatusOK, whole},
		{"admin-group-empty", http.StatusOK, group(roles.Editor, owners, nil, nil)},
		{"admin-group-filtered-as-reader", http.StatusOK, filtered},
		{"admin-group-new-refused", http.StatusUnprocessableEntity, made},
		{"admin-group-edit", http.StatusOK, edit},
		{"admin-group-edit-refused", http.StatusConflict, pointed},
		{"admin-group-add", http.StatusOK, add},
		{"admin-group-add-nobody", http.StatusUnprocessableEntity, nobody},
		{"admin-left-behind", http.StatusOK, all},
		{"admin-left-behind-none", http.StatusOK, adminLeftPageOf(s.framed("Left by deleted associations", "groups", roles.Reader), groups.Group{}, nil)},
		{"admin-left-behind-group", http.StatusUnprocessableEntity, one},
		{"admin-settle-remove", http.StatusOK, remove},
		{"admin-settle-adopt", http.StatusConflict, adopted},
		{"admin-settle-nothing", http.StatusOK, adminSettlePageOf(s.framed("Left by deleted associations", "groups", roles.Editor), platform, "remove", store.LeftChoice{Group: "platform"}, store.Settled{})},
	}
}
