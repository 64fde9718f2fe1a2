package ldapsync

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"

	"idms/internal/users"
)

// scenario is a directory, what is held of it, and the plan: one file that a
// product owner can read.
type scenario struct {
	Says      string            `yaml:"says"`
	Rules     []string          `yaml:"rules"`
	Directory scenarioDirectory `yaml:"directory"`
	Held      scenarioHeld      `yaml:"held"`
	Protected map[string]string `yaml:"protected"` // by username
	Looked    map[string]string `yaml:"looked"`    // by id; L7
	First     bool              `yaml:"first"`
	Changed   bool              `yaml:"settings_changed"`
	Vanished  Vanished          `yaml:"vanished"`
	Plan      string            `yaml:"plan"`
	Stops     string            `yaml:"stops"`
	Refused   string            `yaml:"refused"`
}

type scenarioDirectory struct {
	People  []scenarioPerson `yaml:"people"`
	Many    int              `yaml:"many"` // more people, who are held too and did not change
	Groups  []scenarioGroup  `yaml:"groups"`
	Skipped []struct {
		ID  string `yaml:"id"`
		DN  string `yaml:"dn"`
		Why string `yaml:"why"`
	} `yaml:"skipped"`
}

type scenarioPerson struct {
	ID       string   `yaml:"id"`
	Username string   `yaml:"username"`
	Email    string   `yaml:"email"`
	DN       string   `yaml:"dn"`
	Off      Off      `yaml:"off"`
	State    string   `yaml:"state"`
	Groups   []string `yaml:"groups"` // held ones, keys
}

type scenarioGroup struct {
	ID      string   `yaml:"id"`
	Name    string   `yaml:"name"`
	Key     string   `yaml:"key"`
	Off     Off      `yaml:"off"`
	Members []string `yaml:"members"` // ids
	Many    bool     `yaml:"many"`    // and the many
	Stale   bool     `yaml:"stale"`   // held without a mark, to be compared anew
}

type scenarioHeld struct {
	People   []scenarioPerson `yaml:"people"`
	Accounts []scenarioPerson `yaml:"accounts"` // of the record's logins, of no directory entry
	Groups   []scenarioGroup  `yaml:"groups"`
	Here     []string         `yaml:"groups_here"` // keys of groups of no directory
}

func (p scenarioPerson) profile() *users.Profile {
	return &users.Profile{Username: p.Username, Email: p.Email}
}

func (p scenarioPerson) dn() string { return cmp.Or(p.DN, "uid="+p.Username) }

func (p scenarioPerson) mark() Mark {
	off := p.Off
	if off.vanished() {
		off = On
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", p.dn(), *p.profile(), off))
	return Mark(sum[:16])
}

func (g scenarioGroup) mark(members []string) Mark {
	slices.Sort(members)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", g.Name, members))
	return Mark(sum[:16])
}

func userOf(id string) uuid.UUID { return uuid.NewSHA1(uuid.Nil, []byte(id)) }

func many(n int) []scenarioPerson {
	list := make([]scenarioPerson, n)
	for i := range list {
		list[i] = scenarioPerson{ID: fmt.Sprintf("m%03d", i), Username: fmt.Sprintf("member%03d", i)}
	}
	return list
}

// values of the scenario. A person of the directory whose mark is held comes
// without profile, as Read leaves them.
func (s scenario) values() (Snapshot, Holdings) {
	var h Holdings
	h.Members, h.GroupsOf, h.Keys = map[string][]uuid.UUID{}, map[uuid.UUID][]string{}, map[string]string{}
	h.Protected = map[uuid.UUID]string{}
	crowd := many(s.Directory.Many)
	marks := map[ID]Mark{}
	hold := func(p scenarioPerson) {
		h.People = append(h.People, Held{ID: ID(p.ID), User: userOf(p.ID), Mark: p.mark(), Off: p.Off})
		marks[ID(p.ID)] = p.mark()
		state := users.State(p.State)
		if state == "" && p.Off != On {
			state = users.Disabled
		}
		h.Accounts = append(h.Accounts, Account{User: userOf(p.ID), Profile: *p.profile(), State: state, ID: ID(p.ID), DN: p.dn()})
		for _, key := range p.Groups {
			h.Members[key] = append(h.Members[key], userOf(p.ID))
			h.GroupsOf[userOf(p.ID)] = append(h.GroupsOf[userOf(p.ID)], key)
		}
	}
	for _, p := range s.Held.People {
		hold(p)
	}
	for _, p := range crowd {
		hold(p)
	}
	for _, p := range s.Held.Accounts {
		h.Accounts = append(h.Accounts, Account{User: userOf(p.Username), Profile: *p.profile(), State: users.State(p.State)})
	}
	for _, a := range h.Accounts {
		if why := s.Protected[a.Profile.Username]; why != "" {
			h.Protected[a.User] = why
		}
	}
	for _, g := range s.Held.Groups {
		members := slices.Clone(g.Members)
		for _, p := range s.Held.People {
			if slices.Contains(p.Groups, g.Key) {
				members = append(members, p.ID)
			}
		}
		for _, p := range crowd {
			if g.Many {
				members = append(members, p.ID)
				h.Members[g.Key] = append(h.Members[g.Key], userOf(p.ID))
			}
		}
		mark := g.mark(members)
		if g.Stale {
			mark = Mark{}
		}
		h.Groups = append(h.Groups, HeldGroup{ID: ID(g.ID), Key: g.Key, Name: g.Name, Made: true, Mark: mark, Off: g.Off, Members: len(h.Members[g.Key])})
		h.Keys[g.Key] = g.Name
	}
	for _, key := range s.Held.Here {
		h.Keys[key] = key
	}
	slices.SortFunc(h.People, func(a, b Held) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(h.Groups, func(a, b HeldGroup) int { return cmp.Compare(a.ID, b.ID) })

	var snapshot Snapshot
	place := map[string]uint32{}
	for _, p := range append(slices.Clone(s.Directory.People), crowd...) {
		place[p.ID] = uint32(len(snapshot.People))
		person := Person{ID: ID(p.ID), Mark: p.mark(), Off: p.Off}
		if marks[person.ID] != person.Mark {
			person.DN, person.Profile = p.dn(), p.profile()
		}
		snapshot.People = append(snapshot.People, person)
	}
	for _, g := range s.Directory.Groups {
		members := slices.Clone(g.Members)
		for _, p := range crowd {
			if g.Many {
				members = append(members, p.ID)
			}
		}
		group := Group{ID: ID(g.ID), Name: g.Name, Mark: g.mark(members)}
		for _, id := range members {
			group.Members = append(group.Members, place[id])
		}
		slices.Sort(group.Members)
		snapshot.Groups = append(snapshot.Groups, group)
	}
	for _, one := range s.Directory.Skipped {
		snapshot.Skipped = append(snapshot.Skipped, Skipped{ID: ID(one.ID), DN: one.DN, Why: one.Why})
	}
	return snapshot, h
}

// narrowed keeps of the details only what Want asks for, as store does.
func narrowed(h Holdings, w Want) Holdings {
	all := h.Details
	h.Details = Details{Members: map[string][]uuid.UUID{}, GroupsOf: map[uuid.UUID][]string{}, Protected: all.Protected}
	for _, account := range all.Accounts {
		if slices.Contains(w.Users, account.User) || slices.Contains(w.Names, users.Fold(account.Profile.Username)) {
			h.Accounts = append(h.Accounts, account)
		}
	}
	for _, key := range w.Groups {
		h.Members[key] = all.Members[key]
	}
	for _, user := range w.Of {
		h.GroupsOf[user] = all.GroupsOf[user]
	}
	if w.Keys {
		h.Keys = all.Keys
	}
	return h
}

func (s scenario) run(t *testing.T) (plan, stops, refused string) {
	t.Helper()
	snapshot, holdings := s.values()
	all := holdings.Accounts
	holdings = narrowed(holdings, holdings.Want(snapshot))
	p := Compare("acme", snapshot, holdings, s.Vanished)
	for _, account := range all {
		if slices.Contains(p.Unnamed(), account.User) {
			p.Names[account.User] = account.Profile.Username
		}
	}
	looked := map[ID]Off{}
	for id, off := range s.Looked {
		looked[ID(id)] = Off(strings.TrimSuffix(off, "on"))
	}
	for _, person := range snapshot.People { // who was read is still as read
		if _, told := looked[person.ID]; !told {
			looked[person.ID] = person.Off
		}
	}
	if err := p.Verify(looked, looked); err != nil {
		return "", "", err.Error()
	}
	held := BlastStop(p, snapshot, holdings, BlastLimits{}, Standing{First: s.First, Changed: s.Changed})
	var text strings.Builder
	for change := range p.Changes() {
		text.WriteString(change.String() + "\n")
	}
	var why strings.Builder
	for _, stop := range held {
		fmt.Fprintf(&why, "%s: %s\n", stop.Code, stop.Why)
	}
	return text.String(), why.String(), ""
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s scenario
			if err := yaml.UnmarshalWithOptions(text, &s, yaml.Strict()); err != nil {
				t.Fatal(err)
			}
			if s.Says == "" || len(s.Rules) == 0 {
				t.Error("a scenario says what it shows, and cites its rules")
			}
			plan, stops, refused := s.run(t)
			for _, part := range []struct{ name, got, want string }{{"plan", plan, s.Plan}, {"stops", stops, s.Stops}, {"refused", refused, s.Refused}} {
				if strings.TrimSpace(part.got) != strings.TrimSpace(part.want) {
					t.Errorf("%s\n%s is\n%swant\n%s", s.Says, part.name, part.got, part.want)
				}
			}
		})
	}
}
