package ldapsync

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"

	"idms/internal/audit"
	"idms/internal/users"
)

// Kind is what becomes of one person, group or membership. Kinds are public:
// they stand in the API and in files, and never change their meaning.
type Kind string

const (
	AddPerson     Kind = "add_person"
	LinkPerson    Kind = "link_person" // an account of this record by the same username becomes the directory's (L1)
	UpdatePerson  Kind = "update_person"
	EnablePerson  Kind = "enable_person"
	AddGroup      Kind = "add_group"
	LinkGroup     Kind = "link_group" // a group that is here already becomes the directory's
	RenameGroup   Kind = "rename_group"
	ReturnGroup   Kind = "return_group" // is in the directory again
	AddMember     Kind = "add_member"
	RemoveMember  Kind = "remove_member"
	GroupGone     Kind = "group_gone" // stays, but the directory's members leave it
	DisablePerson Kind = "disable_person"
	OutPerson     Kind = "out_of_scope"
	GonePerson    Kind = "gone"

	// What a plan leaves alone, and why.
	Conflict  Kind = "conflict"
	Protect   Kind = "protected" // by L4
	SkipEntry Kind = "skipped"
	KeepEntry Kind = "kept" // not read any more, and the settings say to leave such people as they are
)

// Kinds are all kinds, in the order in which a plan lists and applies them.
var Kinds = []Kind{
	AddPerson, LinkPerson, UpdatePerson, EnablePerson,
	AddGroup, LinkGroup, RenameGroup, ReturnGroup,
	AddMember, RemoveMember, GroupGone,
	DisablePerson, OutPerson, GonePerson,
	Conflict, Protect, SkipEntry, KeepEntry,
}

// Applied is false for a kind that only tells of something left alone.
func (k Kind) Applied() bool {
	return k != Conflict && k != Protect && k != SkipEntry && k != KeepEntry
}

// Plan is all that one run would change, in an order that the same snapshot and
// the same holdings always give. A Plan is applied whole or not at all.
type Plan struct {
	Record string // key
	People []PersonChange
	Groups []GroupChange
	Joins  []Members // add_member, by group
	Leaves []Members // remove_member and group_gone, by group
	Notes  []Note

	// Users are the accounts of the snapshot's people, by their places: the zero
	// UUID for whoever has none yet. Number fills them.
	Users []uuid.UUID
	// Names are usernames for people and memberships, as far as they are known.
	Names map[uuid.UUID]string

	marks []groupMark
	added map[int]int // place in the snapshot of each added person, to the place in People
}

// PersonChange is what becomes of one person. Somebody who is updated and
// disabled stands in two changes.
type PersonChange struct {
	Kind     Kind
	ID       ID
	Place    int       // in the snapshot; -1 for somebody who is not in it
	User     uuid.UUID // zero for a new person until Number
	Username string
	DN       string         // as it is now; "" when it did not change
	Profile  *users.Profile // as it is now; nil when it did not change
	Mark     Mark
	Off      Off
	State    users.State    // that the account gets; "" leaves it
	Fields   []audit.Change // of an update
	Why      string
}

// GroupChange is what becomes of one group.
type GroupChange struct {
	Kind Kind
	ID   ID
	Key  string
	Name string // as the directory calls it now
	Was  string // of a renamed one
	Made bool
	Held string // why this group alone waits for approval; "" when it does not (L6)
}

// Members are people who join or leave one group.
type Members struct {
	Kind   Kind
	Group  string
	ID     ID
	Places []uint32    // who joins, by places in the snapshot
	Users  []uuid.UUID // who leaves
	Of     int         // how many members it had
	Held   string      // why this group alone waits for approval (L6)
}

// Note is an entry that a plan leaves alone.
type Note struct {
	Kind     Kind
	ID       ID
	Username string
	DN       string
	Why      string
}

// groupMark is what a group that needs no further look is remembered by.
type groupMark struct {
	ID      ID
	Key     string
	Mark    Mark
	Members int
}

// Marks calls f for every group whose members or name were compared, with what
// to remember of it.
func (p *Plan) Marks(f func(id ID, key string, mark Mark, members int)) {
	for _, m := range p.marks {
		f(m.ID, m.Key, m.Mark, m.Members)
	}
}

// Any is true when applying the plan changes something.
func (p *Plan) Any() bool {
	return len(p.People)+len(p.Groups)+len(p.Joins)+len(p.Leaves) > 0
}

// Number gives every new person an ID, in the order of the plan.
func (p *Plan) Number(next func() uuid.UUID) {
	for i := range p.People {
		change := &p.People[i]
		if change.Kind != AddPerson {
			continue
		}
		if change.User == uuid.Nil {
			change.User = next()
		}
		p.Users[change.Place] = change.User
	}
}

// Count is how many changes of each kind there are. A membership counts once
// for each person.
func (p *Plan) Count() map[Kind]int {
	counts := map[Kind]int{}
	for _, change := range p.People {
		counts[change.Kind]++
	}
	for _, change := range p.Groups {
		counts[change.Kind]++
	}
	for _, join := range p.Joins {
		counts[AddMember] += len(join.Places)
	}
	for _, leave := range p.Leaves {
		counts[RemoveMember] += len(leave.Users)
		if leave.Kind == GroupGone {
			counts[GroupGone]++
		}
	}
	for _, note := range p.Notes {
		counts[note.Kind]++
	}
	return counts
}

// Change is one line of a plan as it is shown, kept and exported.
type Change struct {
	Kind   Kind           `json:"kind"`
	Person string         `json:"person,omitempty"` // username
	User   string         `json:"user,omitempty"`   // account ID
	DN     string         `json:"dn,omitempty"`
	Group  string         `json:"group,omitempty"` // key
	Name   string         `json:"name,omitempty"`  // of the group
	People []string       `json:"people,omitempty"`
	Fields []audit.Change `json:"fields,omitempty"`
	Why    string         `json:"why,omitempty"`
}

// maxLine is how many people one line holds.
const maxLine = 5000

// Changes are the lines of the plan, in its order. The members of one group who
// join or leave it are one line, or several of at most maxLine people.
func (p *Plan) Changes() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for _, kind := range Kinds {
			if !p.changes(kind, yield) {
				return
			}
		}
	}
}

func (p *Plan) changes(kind Kind, yield func(Change) bool) bool {
	for _, c := range p.People {
		if c.Kind == kind && !yield(Change{Kind: kind, Person: c.Username, User: idText(c.User), DN: c.DN, Fields: c.Fields, Why: c.Why}) {
			return false
		}
	}
	for _, c := range p.Groups {
		if c.Kind != kind {
			continue
		}
		line := Change{Kind: kind, Group: c.Key, Name: c.Name, Why: c.Held}
		if c.Was != "" {
			line.Fields = []audit.Change{{Field: "name", From: c.Was, To: c.Name}}
		}
		if !yield(line) {
			return false
		}
	}
	for _, members := range p.Joins {
		if kind != AddMember {
			break
		}
		for places := range slices.Chunk(members.Places, maxLine) {
			line := Change{Kind: kind, Group: members.Group, People: make([]string, len(places)), Why: members.Held}
			for i, place := range places {
				line.People[i] = p.nameAt(place)
			}
			if !yield(line) {
				return false
			}
		}
	}
	for _, members := range p.Leaves {
		if members.Kind != kind {
			continue
		}
		if len(members.Users) == 0 && !yield(Change{Kind: kind, Group: members.Group}) {
			return false
		}
		for who := range slices.Chunk(members.Users, maxLine) {
			line := Change{Kind: kind, Group: members.Group, People: make([]string, len(who)), Why: members.Held}
			for i, user := range who {
				line.People[i] = p.name(user)
			}
			if !yield(line) {
				return false
			}
		}
	}
	for _, note := range p.Notes {
		if note.Kind == kind && !yield(Change{Kind: kind, Person: note.Username, DN: note.DN, Why: note.Why}) {
			return false
		}
	}
	return true
}

func idText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

// nameAt is the username of somebody in the snapshot.
func (p *Plan) nameAt(place uint32) string {
	if at, ok := p.added[int(place)]; ok {
		return p.People[at].Username
	}
	return p.name(p.Users[place])
}

func (p *Plan) name(user uuid.UUID) string {
	if name, ok := p.Names[user]; ok {
		return name
	}
	return user.String()
}

// Unnamed are the people who join or leave a group and whose usernames the plan
// does not know: they did not change otherwise.
func (p *Plan) Unnamed() []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var list []uuid.UUID
	note := func(user uuid.UUID) {
		if _, named := p.Names[user]; !named && !seen[user] && user != uuid.Nil {
			seen[user] = true
			list = append(list, user)
		}
	}
	for _, join := range p.Joins {
		for _, place := range join.Places {
			if _, isNew := p.added[int(place)]; !isNew {
				note(p.Users[place])
			}
		}
	}
	for _, leave := range p.Leaves {
		for _, user := range leave.Users {
			note(user)
		}
	}
	return list
}

// Candidates are the entries that the plan would take something from: people who
// were not read or are switched off now, and groups that were not read. L7 wants
// each of them looked up again.
func (p *Plan) Candidates() (people, groups []ID) {
	for _, c := range p.People {
		if c.Kind == OutPerson || c.Kind == GonePerson || c.Kind == DisablePerson {
			people = append(people, c.ID)
		}
	}
	for _, c := range p.Leaves {
		if c.Kind == GroupGone {
			groups = append(groups, c.ID)
		}
	}
	return people, groups
}

// Hash names what of a plan needs an approval, in 16 hexadecimal digits: under
// these settings, exactly these accounts and groups linked, people shut out and
// memberships and groups taken. What only adds or updates is not in it: it would
// be applied without being asked for a minute later, and in a company somebody
// joins every minute. docs/decisions/0018 has the reasons.
func (p *Plan) Hash(fingerprint string) string {
	sum := sha256.New()
	write := func(parts ...string) {
		for _, part := range parts {
			var length [8]byte
			binary.BigEndian.PutUint64(length[:], uint64(len(part)))
			sum.Write(length[:])
			sum.Write([]byte(part))
		}
	}
	write("plan", p.Record, fingerprint)
	for _, c := range p.People {
		switch c.Kind {
		case LinkPerson, DisablePerson, OutPerson, GonePerson:
			write(string(c.Kind), string(c.ID), c.User.String())
		}
	}
	for _, c := range p.Groups {
		if c.Kind == LinkGroup {
			write(string(c.Kind), string(c.ID), c.Key)
		}
	}
	for _, c := range p.Leaves {
		write(string(c.Kind), string(c.ID), c.Group)
		for _, user := range c.Users {
			write(user.String())
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// sort puts everything in its one order.
func (p *Plan) sort() {
	order := map[Kind]int{}
	for i, kind := range Kinds {
		order[kind] = i
	}
	slices.SortFunc(p.People, func(a, b PersonChange) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), strings.Compare(a.Username, b.Username), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(p.Groups, func(a, b GroupChange) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), strings.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID))
	})
	byGroup := func(a, b Members) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), strings.Compare(a.Group, b.Group))
	}
	slices.SortFunc(p.Joins, byGroup)
	slices.SortFunc(p.Leaves, byGroup)
	slices.SortFunc(p.Notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), strings.Compare(a.Username, b.Username),
			strings.Compare(a.DN, b.DN), cmp.Compare(a.ID, b.ID), strings.Compare(a.Why, b.Why))
	})
	p.added = map[int]int{}
	for i, c := range p.People {
		if c.Kind == AddPerson {
			p.added[c.Place] = i
		}
	}
}

// maxListed is how many people a line names; the others are counted.
const maxListed = 5

// String is one line for a person to read.
func (c Change) String() string {
	var line strings.Builder
	line.WriteString(string(c.Kind))
	for _, word := range []string{c.Person, c.Group} {
		if word != "" {
			line.WriteString(" " + word)
		}
	}
	if c.Person == "" && c.Group == "" && c.DN != "" {
		line.WriteString(" " + c.DN)
	}
	if c.Name != "" && len(c.Fields) == 0 {
		fmt.Fprintf(&line, " %q", c.Name)
	}
	if n := len(c.People); n > 0 {
		line.WriteString(": " + strings.Join(c.People[:min(n, maxListed)], ", "))
		if n > maxListed {
			fmt.Fprintf(&line, " and %d more", n-maxListed)
		}
	}
	for i, field := range c.Fields {
		line.WriteString([]string{": ", ", "}[min(i, 1)])
		fmt.Fprintf(&line, "%s %q → %q", field.Field, field.From, field.To)
	}
	if c.Why != "" {
		line.WriteString(" (" + c.Why + ")")
	}
	return line.String()
}
