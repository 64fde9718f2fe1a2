package ldapsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"idms/internal/audit"
	"idms/internal/fault"
	"idms/internal/roles"
	"idms/internal/users"
)

// Compare says what a sync of one record would change: a pure function of what
// was read and what is held, with the details that Want asked for. Whoever was
// not read counts as gone until Verify has heard the directory again (L7);
// vanished says what becomes of them.
func Compare(record string, s Snapshot, h Holdings, vanished Vanished) *Plan {
	c := comparison{
		plan:     &Plan{Record: record, Users: make([]uuid.UUID, len(s.People)), Names: map[uuid.UUID]string{}},
		snapshot: s, holdings: h, vanished: vanished, beside: h.beside(s.People),
		accounts: make(map[uuid.UUID]Account, len(h.Accounts)),
		skipped:  map[ID]bool{}, skippedDN: map[string]bool{},
	}
	for _, account := range h.Accounts {
		c.accounts[account.User] = account
		c.plan.Names[account.User] = account.Profile.Username
	}
	for _, skipped := range s.Skipped {
		c.plan.Notes = append(c.plan.Notes, Note{Kind: SkipEntry, ID: skipped.ID, DN: skipped.DN, Why: skipped.Why})
		if skipped.ID != "" {
			c.skipped[skipped.ID] = true
		}
		if skipped.DN != "" {
			c.skippedDN[users.Fold(skipped.DN)] = true
		}
	}
	c.names()
	c.people()
	c.absent()
	c.groups()
	c.plan.sort()
	return c.plan
}

// comparison is a plan on its way.
type comparison struct {
	plan     *Plan
	snapshot Snapshot
	holdings Holdings
	vanished Vanished
	beside   []int32 // see Holdings

	accounts  map[uuid.UUID]Account
	skipped   map[ID]bool
	skippedDN map[string]bool
	read      map[uuid.UUID]bool // see there
	conflicts map[int]string     // places in the snapshot, and why they are left alone
	links     map[int]uuid.UUID  // places of new people, and the accounts they become
}

// names finds out who gets which username. A username belongs to one person: who
// comes by one that somebody else has, or that two come by, is a conflict and
// never a merge (L1). Somebody who gives a username up in the same run makes it
// free, unless a conflict keeps them from it; then the next one conflicts too.
func (c *comparison) names() {
	c.conflicts, c.links = map[int]string{}, map[int]uuid.UUID{}
	owner := make(map[string]Account, len(c.holdings.Accounts))
	for _, account := range c.holdings.Accounts {
		owner[users.Fold(account.Profile.Username)] = account
	}
	wanted := map[string][]int{} // folded username, and who comes by it
	comes := map[uuid.UUID]int{} // accounts whose person was read with a profile
	folded := map[int]string{}
	for i, person := range c.snapshot.People {
		if person.Profile == nil {
			continue
		}
		held, known := c.holdings.at(c.beside[i])
		if known && (held.Mark == person.Mark || c.holdings.Protected[held.User] != "") {
			continue // who stays as they are neither takes a name nor gives one up
		}
		folded[i] = users.Fold(person.Profile.Username)
		wanted[folded[i]] = append(wanted[folded[i]], i)
		if known {
			comes[held.User] = i
		}
	}
	isOwn := func(place int, account Account) bool {
		held, known := c.holdings.at(c.beside[place])
		return known && held.User == account.User
	}
	for name, places := range wanted {
		account, taken := owner[name]
		for _, place := range places {
			if len(places) > 1 && !(taken && isOwn(place, account)) {
				c.conflicts[place] = fmt.Sprintf("The username %q comes with %d entries.", c.snapshot.People[place].Profile.Username, len(places))
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for place, name := range folded {
			account, taken := owner[name]
			if !taken || c.conflicts[place] != "" || isOwn(place, account) {
				continue
			}
			if account.ID == "" && c.beside[place] != nobody {
				c.conflicts[place] = fmt.Sprintf("The username %q belongs to an account that is not of this directory.", c.snapshot.People[place].Profile.Username)
				changed = true
			}
			if account.ID == "" {
				continue // an account of this record's logins, to be linked
			}
			if mover, moves := comes[account.User]; moves && folded[mover] != name && c.conflicts[mover] == "" {
				continue // becomes free in this run
			}
			c.conflicts[place] = fmt.Sprintf("The username %q belongs to another entry of this directory.", c.snapshot.People[place].Profile.Username)
			changed = true
		}
	}
	for place, name := range folded {
		account, taken := owner[name]
		if !taken || account.ID != "" || c.conflicts[place] != "" {
			continue
		}
		c.links[place] = account.User
	}
}

// people compares everybody who was read.
func (c *comparison) people() {
	if fresh := len(c.snapshot.People) - len(c.holdings.People); fresh > 0 {
		c.plan.People = make([]PersonChange, 0, fresh)
	}
	for i, person := range c.snapshot.People {
		held, known := c.holdings.at(c.beside[i])
		if known {
			c.plan.Users[i] = held.User
			if held.Mark != person.Mark || held.Off != person.Off {
				c.known(i, person, held)
			}
			continue
		}
		c.new(i, person)
	}
}

// new is somebody whom no sync has seen before.
func (c *comparison) new(i int, person Person) {
	if person.Profile == nil { // the mark was said to be held, and is not
		c.note(Conflict, person, "", "The entry was left out of the reading.")
		return
	}
	if why := c.conflicts[i]; why != "" {
		c.note(Conflict, person, person.Profile.Username, why)
		return
	}
	change := PersonChange{
		Kind: AddPerson, ID: person.ID, Place: i, Username: person.Profile.Username, DN: person.DN,
		Profile: person.Profile, Mark: person.Mark, Off: person.Off, State: users.Enabled,
	}
	if person.Off != On {
		change.State, change.Why = users.Disabled, person.Off.words()
	}
	linked, isLink := c.links[i]
	if !isLink {
		c.plan.People = append(c.plan.People, change)
		return
	}
	if why := c.holdings.Protected[linked]; why != "" {
		c.note(Protect, person, person.Profile.Username, why)
		return
	}
	account := c.accounts[linked]
	change.Kind, change.User = LinkPerson, linked
	change.Fields = fields(account.Profile, *person.Profile)
	change.State, change.Why = stateAfter(account.State, person.Off)
	c.plan.Users[i] = linked
	c.plan.People = append(c.plan.People, change)
}

// known is somebody of an earlier sync whose entry changed.
func (c *comparison) known(i int, person Person, held Held) {
	account := c.accounts[held.User]
	name := account.Profile.Username
	if why := c.holdings.Protected[held.User]; why != "" {
		c.note(Protect, person, name, why)
		return
	}
	change := PersonChange{
		Kind: UpdatePerson, ID: person.ID, Place: i, User: held.User, Username: name,
		Mark: held.Mark, Off: held.Off,
	}
	if why := c.conflicts[i]; why != "" {
		c.note(Conflict, person, name, why)
	} else if held.Mark != person.Mark {
		update := change
		update.Profile, update.DN, update.Mark = person.Profile, person.DN, person.Mark
		if person.Profile != nil {
			update.Fields = fields(account.Profile, *person.Profile)
		}
		if account.DN != person.DN {
			update.Fields = append(update.Fields, audit.Change{Field: "dn", From: account.DN, To: person.DN})
		}
		change.Mark = person.Mark
		if held.Off != On && person.Off != On && held.Off != person.Off {
			update.Off = person.Off
			update.Fields = append(update.Fields, audit.Change{Field: "off", From: string(held.Off), To: string(person.Off)})
		}
		// When nothing but Off changed, the change below carries the new mark.
		if len(update.Fields) > 0 || (held.Off == On) == (person.Off == On) {
			c.plan.People = append(c.plan.People, update)
		}
	}
	switch {
	case held.Off == On && person.Off != On:
		change.Kind, change.Off, change.Why = DisablePerson, person.Off, person.Off.words()
		change.State, _ = stateAfter(account.State, person.Off)
	case held.Off != On && person.Off == On:
		change.Kind, change.Off = EnablePerson, On
		change.State, change.Why = stateAfter(account.State, On)
	case held.Off != person.Off && held.Mark == person.Mark:
		change.Off = person.Off
		change.Fields = []audit.Change{{Field: "off", From: string(held.Off), To: string(person.Off)}}
	default:
		return
	}
	c.plan.People = append(c.plan.People, change)
}

// stateAfter is L3: a sync disables who is enabled and enables whom a sync
// disabled; whom an administrator blocked stays blocked.
func stateAfter(was users.State, off Off) (users.State, string) {
	switch {
	case was == users.Blocked:
		return "", "stays blocked by an administrator"
	case off != On:
		return users.Disabled, off.words()
	case was == users.Disabled:
		return users.Enabled, ""
	}
	return "", ""
}

// absent finds everybody whom an earlier sync saw and this one did not.
func (c *comparison) absent() {
	for _, held := range c.holdings.missing(c.beside) {
		account := c.accounts[held.User]
		note := func(kind Kind, why string) {
			c.plan.Notes = append(c.plan.Notes, Note{Kind: kind, ID: held.ID, Username: account.Profile.Username, DN: account.DN, Why: why})
		}
		switch why := c.holdings.Protected[held.User]; {
		case c.skipped[held.ID] || account.DN != "" && c.skippedDN[users.Fold(account.DN)]:
			note(SkipEntry, "The entry could not be read, so the person stays as they are.")
			continue
		case why != "":
			note(Protect, why)
			continue
		case c.vanished == KeepVanished:
			note(KeepEntry, "The entry was not found by base and filter any more.")
			continue
		}
		state, why := stateAfter(account.State, Gone)
		c.plan.People = append(c.plan.People, PersonChange{
			Kind: GonePerson, ID: held.ID, Place: -1, User: held.User, Username: account.Profile.Username,
			Mark: held.Mark, Off: Gone, State: state, Why: why,
		})
	}
}

func (c *comparison) note(kind Kind, person Person, username, why string) {
	c.plan.Notes = append(c.plan.Notes, Note{Kind: kind, ID: person.ID, Username: username, DN: person.DN, Why: why})
}

// fields are what of a profile changes.
func fields(was, is users.Profile) []audit.Change {
	var list []audit.Change
	for _, f := range []struct{ name, from, to string }{
		{"username", was.Username, is.Username},
		{"email", was.Email, is.Email},
		{"first_name", was.FirstName, is.FirstName},
		{"last_name", was.LastName, is.LastName},
		{"phone", was.Phone, is.Phone},
	} {
		if f.from != f.to {
			list = append(list, audit.Change{Field: f.name, From: f.from, To: f.to})
		}
	}
	return list
}

func (o Off) words() string {
	switch o {
	case SwitchedOff:
		return "disabled in the directory"
	case Expired:
		return "expired in the directory"
	case OutOfScope:
		return "in the directory, but outside of the base or the filter"
	case Gone:
		return "not in the directory any more"
	}
	return ""
}

// groups compares groups and who is in them.
func (c *comparison) groups() {
	keys := c.newKeys()
	arrived := c.arrived()
	for _, group := range c.snapshot.Groups {
		held, known := c.holdings.heldGroup(group.ID)
		name := groupName(group)
		if !known {
			key := keys[group.ID]
			change := GroupChange{Kind: AddGroup, ID: group.ID, Key: key.key, Name: name, Made: !key.exists}
			if key.exists {
				change.Kind = LinkGroup
			}
			c.plan.Groups = append(c.plan.Groups, change)
			c.members(group, key.key, nil, 0)
			continue
		}
		if held.Name != name {
			c.plan.Groups = append(c.plan.Groups, GroupChange{Kind: RenameGroup, ID: group.ID, Key: held.Key, Name: name, Was: held.Name, Made: held.Made})
		}
		if held.Off != On {
			c.plan.Groups = append(c.plan.Groups, GroupChange{Kind: ReturnGroup, ID: group.ID, Key: held.Key, Name: name, Made: held.Made})
		}
		if held.Mark != group.Mark || held.Off != On || slices.ContainsFunc(group.Members, func(place uint32) bool { return arrived[place] }) {
			c.members(group, held.Key, c.holdings.Members[held.Key], held.Members)
		}
	}
	c.returned()
	for _, held := range c.holdings.missingGroups(c.snapshot) {
		if c.skipped[held.ID] {
			continue // listed as skipped already
		}
		who := c.removable(c.holdings.Members[held.Key], false)
		c.plan.Leaves = append(c.plan.Leaves, Members{Kind: GroupGone, Group: held.Key, ID: held.ID, Users: who, Of: held.Members})
	}
}

// arrived are the people, by place, who had no directory membership to compare
// with until now: new ones, and those who were not read the last time.
func (c *comparison) arrived() []bool {
	arrived := make([]bool, len(c.snapshot.People))
	for i, place := range c.beside {
		held, known := c.holdings.at(place)
		arrived[i] = !known || held.Off.vanished()
	}
	return arrived
}

// members compares who is in one group. Only somebody who was read can leave it:
// whoever vanished keeps their memberships with their account (L3), and whoever
// could not be read is protected.
func (c *comparison) members(group Group, key string, held []uuid.UUID, of int) {
	is := make(map[uuid.UUID]bool, len(held))
	for _, user := range held {
		is[user] = true
	}
	whole := true
	count := len(held)
	stays := make(map[uuid.UUID]bool, len(group.Members))
	var joins []uint32
	for _, place := range group.Members {
		user := c.plan.Users[place]
		switch {
		case user == uuid.Nil && c.conflicted(place):
			whole = false // looked at again when the conflict is mended
		case user == uuid.Nil:
			joins = append(joins, place)
		case is[user]:
			stays[user] = true
		case c.holdings.Protected[user] != "":
			whole = false
		default:
			joins = append(joins, place)
		}
	}
	leaves := c.removable(slices.DeleteFunc(slices.Clone(held), func(user uuid.UUID) bool { return stays[user] }), true)
	if len(joins) > 0 {
		c.plan.Joins = append(c.plan.Joins, Members{Kind: AddMember, Group: key, ID: group.ID, Places: joins, Of: of})
	}
	if len(leaves) > 0 {
		c.plan.Leaves = append(c.plan.Leaves, Members{Kind: RemoveMember, Group: key, ID: group.ID, Users: leaves, Of: of})
	}
	mark := group.Mark
	if !whole {
		mark = Mark{}
	}
	c.plan.marks = append(c.plan.marks, groupMark{group.ID, key, mark, count + len(joins) - len(leaves)})
}

// conflicted is true for a new person who does not become an account.
func (c *comparison) conflicted(place uint32) bool {
	person := c.snapshot.People[place]
	if person.Profile == nil || c.conflicts[int(place)] != "" {
		return true
	}
	linked, isLink := c.links[int(place)]
	return isLink && c.holdings.Protected[linked] != ""
}

// removable keeps those whom a group may lose: nobody who is protected and, when
// read is asked for, nobody who was not read.
func (c *comparison) removable(who []uuid.UUID, read bool) []uuid.UUID {
	if len(who) == 0 {
		return nil
	}
	there := c.there(read)
	var list []uuid.UUID
	for _, user := range who {
		if c.holdings.Protected[user] == "" && (!read || there[user]) {
			list = append(list, user)
		}
	}
	slices.SortFunc(list, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return list
}

// there are the accounts whose entries were read, made once when needed.
func (c *comparison) there(needed bool) map[uuid.UUID]bool {
	if needed && c.read == nil {
		c.read = make(map[uuid.UUID]bool, len(c.plan.Users))
		for _, user := range c.plan.Users {
			c.read[user] = true
		}
	}
	return c.read
}

// returned compares those who were away: while they were, groups could lose
// them without a change of their own.
func (c *comparison) returned() {
	compared := map[ID]bool{}
	for _, mark := range c.plan.marks {
		compared[mark.ID] = true
	}
	of := map[string]HeldGroup{}
	for _, held := range c.holdings.Groups {
		of[held.Key] = held
	}
	leaving := map[string][]uuid.UUID{}
	for i, place := range c.beside {
		held, known := c.holdings.at(place)
		if !known || !held.Off.vanished() {
			continue
		}
		for _, key := range c.holdings.GroupsOf[held.User] {
			group, known := of[key]
			if !known || group.Off != On || compared[group.ID] || c.skipped[group.ID] || c.isMember(group.ID, uint32(i)) {
				continue
			}
			leaving[key] = append(leaving[key], held.User)
		}
	}
	for key, who := range leaving {
		if who = c.removable(who, true); len(who) > 0 {
			c.plan.Leaves = append(c.plan.Leaves, Members{Kind: RemoveMember, Group: key, ID: of[key].ID, Users: who, Of: of[key].Members})
			c.plan.marks = append(c.plan.marks, groupMark{of[key].ID, key, of[key].Mark, of[key].Members - len(who)})
		}
	}
}

func (c *comparison) isMember(group ID, place uint32) bool {
	for _, one := range c.snapshot.Groups {
		if one.ID == group {
			_, is := slices.BinarySearch(one.Members, place)
			return is
		}
	}
	return true // the group itself is missing, which is another change
}

// newKey is the key of a group that no sync has seen before.
type newKey struct {
	key    string
	exists bool // and so is linked
}

// newKeys gives every new group a key derived from its name. A group here of
// that key is linked, unless it is this directory's already, or two new groups
// come to one key: then each gets a key of its own, by its external ID.
func (c *comparison) newKeys() map[ID]newKey {
	taken := map[string]bool{}
	for _, held := range c.holdings.Groups {
		taken[held.Key] = true
	}
	by := map[string]int{}
	for _, group := range c.snapshot.Groups {
		if _, known := c.holdings.heldGroup(group.ID); !known {
			by[GroupKey(groupName(group))]++
		}
	}
	keys := map[ID]newKey{}
	for _, group := range c.snapshot.Groups {
		if _, known := c.holdings.heldGroup(group.ID); known {
			continue
		}
		key := GroupKey(groupName(group))
		_, exists := c.holdings.Keys[key]
		// The built-in groups make administrators: no directory may fill one because a
		// group of it is called so.
		_, builtIn := roles.OfGroup(key)
		if key == "" || taken[key] || by[key] > 1 || builtIn {
			key, exists = distinct(key, group.ID), false
			_, exists = c.holdings.Keys[key]
		}
		keys[group.ID] = newKey{key, exists}
	}
	return keys
}

// maxKey is how long a group's key may be, in bytes, and maxName how long
// its name, in characters: as for groups from a file.
const (
	maxKey  = 63
	maxName = 100
)

// GroupKey derives a key from a name: small letters without accents, digits, and
// hyphens for everything between. It is "" when nothing of the name remains.
func GroupKey(name string) string {
	var key strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if gap && key.Len() > 0 {
				key.WriteByte('-')
			}
			key.WriteRune(r)
			gap = false
		case unicode.Is(unicode.Mn, r): // an accent, taken off its letter
		case unicode.IsLetter(r):
			return "" // another alphabet: half of a name would be misleading
		default:
			gap = true
		}
		if key.Len() >= maxKey {
			break
		}
	}
	return strings.TrimRight(key.String()[:min(key.Len(), maxKey)], "-")
}

// distinct makes a key that no other group has, and that the same group always
// gets.
func distinct(key string, id ID) string {
	digest := sha256.Sum256([]byte(id))
	end := "-" + hex.EncodeToString(digest[:4])
	if key == "" {
		key = "group"
	}
	return strings.TrimRight(key[:min(len(key), maxKey-len(end))], "-") + end
}

// groupName is a group's name as it may be shown here.
func groupName(group Group) string {
	name := []rune(strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, group.Name)))
	if len(name) == 0 {
		return distinct("", group.ID)
	}
	return strings.TrimSpace(string(name[:min(len(name), maxName)]))
}

// Verify is L7: what the directory says of every candidate when asked again by
// ID. Whoever is found outside of base and filter is out of scope. Somebody who
// is within them after all, or let in again, makes the whole reading
// inconsistent, which is an error.
func (p *Plan) Verify(people, groups map[ID]Off) error {
	inconsistent := func(what string) error {
		return fault.New(fault.Upstream, "The directory was asked again about %s, and answered otherwise than before. The reading was inconsistent, so nothing was changed. Run the sync again.", what)
	}
	for i := range p.People {
		change := &p.People[i]
		off, asked := people[change.ID]
		switch change.Kind {
		case DisablePerson:
			if !asked || off == On {
				return inconsistent(change.Username)
			}
		case GonePerson, OutPerson:
			switch {
			case asked && off == OutOfScope:
				change.Kind, change.Off = OutPerson, OutOfScope
				if change.State != "" {
					change.Why = OutOfScope.words()
				}
			case !asked || off != Gone:
				return inconsistent(change.Username)
			}
		}
	}
	for _, leave := range p.Leaves {
		if leave.Kind != GroupGone {
			continue
		}
		if off, asked := groups[leave.ID]; !asked || off != OutOfScope && off != Gone {
			return inconsistent("the group " + leave.Group)
		}
	}
	p.sort()
	return nil
}
