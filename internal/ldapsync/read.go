package ldapsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/users"
)

// Progress is how far a reading has come.
type Progress struct {
	Phase   Phase
	Host    string
	Page    int // from 1; 0 where there are no pages
	Entries int // of this phase, so far
}

// What one reading may hold besides entries.
const (
	maxMembers   = 20_000_000 // places in all groups together, nested ones included
	faultyFloor  = 3          // so many faulty entries never stop a run
	faultyShare  = 100        // more than one in so many does (L5)
	maxGroupName = 1024       // bytes
)

// Read reads a whole directory, or fails: an incomplete answer is an error and
// never a Snapshot (L5). The error is a *Fault. People come in the order of
// their ids, groups in that of theirs, so the same directory gives the same
// Snapshot whatever the order of its answer.
//
// held tells the mark that is kept of an id; people whose mark is the same come
// without DN and profile. progress, which may be nil, is called between pages
// from the calling goroutine.
func Read(ctx context.Context, s Settings, password string, held func(ID) (Mark, bool), progress func(Progress)) (Snapshot, error) {
	return read(ctx, s, password, held, progress, time.Now)
}

func read(ctx context.Context, s Settings, password string, held func(ID) (Mark, bool), progress func(Progress), now func() time.Time) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Defaults().deadline())
	defer cancel()
	if progress == nil {
		progress = func(Progress) {}
	}
	began := now().UTC()
	progress(Progress{Phase: Connecting})
	d, err := connect(ctx, s, password, nil)
	if err != nil {
		return Snapshot{}, err
	}
	defer d.close()

	r := newReading(d, held, progress, began)
	if err := r.readPeople(ctx); err != nil {
		return Snapshot{}, err
	}
	if err := r.readGroups(ctx); err != nil {
		return Snapshot{}, err
	}
	if err := r.readRanges(ctx); err != nil {
		return Snapshot{}, err
	}
	progress(Progress{Phase: Assembling, Host: d.host, Entries: r.people.count + len(r.groups)})
	snapshot, err := r.assemble()
	if err != nil {
		return Snapshot{}, blame(ctx, err, Assembling, 0, d.host)
	}
	snapshot.Host, snapshot.Began, snapshot.Ended, snapshot.Referrals = d.host, began, now().UTC(), d.referrals
	return snapshot, nil
}

// reading collects what the pages bring.
type reading struct {
	directory *directory
	mapper    *mapper
	keys      *keys
	held      func(ID) (Mark, bool)
	progress  func(Progress)

	people    crowd
	usernames []uint64 // digests of folded usernames, by place
	primary   []key    // of the primary group's SID, by place; only at Active Directory
	byName    places   // of people
	seed      maphash.Seed

	groups      []readGroup
	groupByName map[key]uint32
	groupBySID  map[key]uint32
	ranges      []partial
	members     int

	skipped       []Skipped
	faulty, total int
}

// readGroup is a group on its way to become a Group.
type readGroup struct {
	Group
	people []uint32 // places
	others []key    // names of members that are no people: groups, or nobody
}

// partial is a group whose members came in part.
type partial struct {
	place uint32
	next  int // the first that is missing
}

func newReading(d *directory, held func(ID) (Mark, bool), progress func(Progress), now time.Time) *reading {
	if held == nil {
		held = func(ID) (Mark, bool) { return Mark{}, false }
	}
	return &reading{
		directory: d, mapper: newMapper(d.settings, now), keys: newKeys(), held: held, progress: progress,
		groupByName: map[key]uint32{}, groupBySID: map[key]uint32{}, seed: maphash.MakeSeed(),
	}
}

func (r *reading) readPeople(ctx context.Context) error {
	s := r.directory.settings
	return r.directory.ask(ctx, question{
		phase: ReadingPeople, base: s.UserBase, scope: ldap.ScopeWholeSubtree,
		filter: s.UserFilter, attributes: personAttributes(s),
	}, r.takePerson, func(page, entries int) {
		r.progress(Progress{ReadingPeople, r.directory.host, page, entries})
	})
}

func (r *reading) readGroups(ctx context.Context) error {
	s := r.directory.settings
	return r.directory.ask(ctx, question{
		phase: ReadingGroups, base: s.GroupBase, scope: ldap.ScopeWholeSubtree,
		filter: s.GroupFilter, attributes: groupAttributes(s),
	}, r.takeGroup, func(page, entries int) {
		r.progress(Progress{ReadingGroups, r.directory.host, page, entries})
	})
}

// takePerson takes one entry. Only what nothing can be done about is an error.
func (r *reading) takePerson(e entry) error {
	r.total++
	person, fields, problem := r.mapper.person(e)
	if problem != nil {
		r.skip(e, problem)
		return nil
	}
	name, err := r.keys.dn(e.dn)
	if err != nil {
		r.skip(e, unusableFor(person.ID, "Its name cannot be read: %s.", bounded(err.Error(), maxDiagnostic)))
		return nil
	}
	if mark, ok := r.held(person.ID); !ok || mark != person.Mark {
		person.keep(e, fields)
	}
	place := uint32(r.people.count)
	if r.directory.settings.isActiveDirectory() {
		sid, problem := primaryGroup(e, person.ID)
		if problem != nil {
			r.skip(e, problem)
			return nil
		}
		r.primary = append(r.primary, r.keys.of(sid))
	}
	r.people.add(person)
	r.usernames = append(r.usernames, maphash.String(r.seed, users.Fold(string(fields[0].value))))
	r.byName.put(name, place)
	return nil
}

// primaryGroup is the SID of the group that every account of Active Directory
// is a member of, without that group listing it ([MS-ADTS] 3.1.1.4.5.20).
func primaryGroup(e entry, id ID) ([]byte, *unusable) {
	relative, err := strconv.ParseUint(string(e.first("primaryGroupID")), 10, 32)
	if err != nil {
		return nil, unusableFor(id, "primaryGroupID is missing or no number.")
	}
	sid := relativeSID(e.first("objectSid"), uint32(relative))
	if sid == nil {
		return nil, unusableFor(id, "objectSid is missing or no SID.")
	}
	return sid, nil
}

// takeGroup takes one entry and as many of its members as came with it.
func (r *reading) takeGroup(e entry) error {
	r.total++
	s := r.directory.settings
	id, problem := r.mapper.id(e)
	name := e.first(s.GroupNameAttribute)
	switch {
	case problem != nil:
	case len(name) == 0:
		problem = unusableFor(id, "There is no value in %s, the name of a group.", s.GroupNameAttribute)
	case len(name) > maxGroupName || !printable(name):
		problem = unusableFor(id, "%s is longer than %d bytes, or no text.", s.GroupNameAttribute, maxGroupName)
	}
	if problem != nil {
		r.skip(e, problem)
		return nil
	}
	own, err := r.keys.dn(e.dn)
	if err != nil {
		r.skip(e, unusableFor(id, "Its name cannot be read: %s.", bounded(err.Error(), maxDiagnostic)))
		return nil
	}
	group := readGroup{Group: Group{ID: id, DN: string(e.dn), Name: string(name)}}
	next, err := r.takeMembers(&group, e, 0)
	if problem, ok := errors.AsType[*unusable](err); ok {
		problem.id = id
		r.skip(e, problem)
		return nil
	} else if err != nil {
		return err
	}
	place := uint32(len(r.groups))
	r.groups = append(r.groups, group)
	if r.groupByName[own] != 0 {
		return &Fault{Code: Malformed, Sentence: "The directory gives two groups one name."}
	}
	r.groupByName[own] = place + 1
	if sid := e.first("objectSid"); s.isActiveDirectory() && isSID(sid) {
		r.groupBySID[r.keys.of(sid)] = place + 1
	}
	if next > 0 {
		r.ranges = append(r.ranges, partial{place, next})
	}
	return nil
}

// takeMembers adds the members of an entry to a group. Of a list that comes in
// parts this part must begin at from; next is where the following one begins,
// 0 after the last ([MS-ADTS] 3.1.1.3.1.3.3).
func (r *reading) takeMembers(group *readGroup, e entry, from int) (next int, err error) {
	found := false
	for _, one := range e.attributes {
		name, option, _ := bytes.Cut(one.name, []byte{';'})
		if !(attribute{name: name}).named(r.directory.settings.MemberAttribute) {
			continue
		}
		if len(option) == 0 && (len(one.values) == 0 || from > 0) {
			// Active Directory sends the plain name too, empty.
			if len(one.values) > 0 {
				return 0, &Fault{Code: RangeGap, Sentence: "The directory sent all members where further ones were asked for."}
			}
			continue
		}
		if found {
			return 0, &Fault{Code: RangeGap, Sentence: "The directory sent the members of one group twice."}
		}
		found = true
		if len(option) > 0 {
			if next, err = rangeOf(string(option), from, len(one.values)); err != nil {
				return 0, err
			}
		}
		if r.members += len(one.values); r.members > maxMembers {
			return 0, &Fault{Code: SizeLimit, Sentence: fmt.Sprintf("The groups of the directory have more than %d members.", maxMembers)}
		}
		group.people = slices.Grow(group.people, len(one.values))
		for _, value := range one.values {
			if len(value) == 0 {
				continue // groupOfNames must have a member: some directories keep an empty one
			}
			name, err := r.keys.dn(value)
			if err != nil {
				return 0, unusableFor("", "A member's name cannot be read: %s.", bounded(err.Error(), maxDiagnostic))
			}
			if place, ok := r.byName.find(name); ok {
				group.people = append(group.people, place)
			} else {
				group.others = append(group.others, name)
			}
		}
	}
	if from > 0 && !found {
		return 0, &Fault{Code: RangeGap, Sentence: "The directory does not go on with the members of a group that it began."}
	}
	return next, nil
}

// rangeOf reads the option of a list that came in parts, "range=0-1499" or
// "range=1500-*", and holds it against what came.
func rangeOf(option string, from, count int) (next int, err error) {
	gap := &Fault{Code: RangeGap, Sentence: fmt.Sprintf("The directory left members of a group out: %q where %d should begin, with %d values.", bounded(option, 64), from, count)}
	if len(option) < 6 || !bytes.EqualFold([]byte(option[:6]), []byte("range=")) {
		return 0, gap
	}
	low, high, ok := bytes.Cut([]byte(option[6:]), []byte{'-'})
	first, err := strconv.Atoi(string(low))
	if !ok || err != nil || first != from {
		return 0, gap
	}
	if string(high) == "*" {
		return 0, nil
	}
	last, err := strconv.Atoi(string(high))
	if err != nil || last < first || count == 0 || last-first+1 != count || last >= math.MaxInt32 {
		return 0, gap
	}
	return last + 1, nil
}

// readRanges asks for the rest of the members of groups that came in parts.
func (r *reading) readRanges(ctx context.Context) error {
	s := r.directory.settings
	for done, one := range r.ranges {
		group := &r.groups[one.place]
		for next := one.next; next > 0; {
			came := false
			from := next
			_, err := r.directory.search(ctx, question{
				phase: ReadingRest, base: group.DN, scope: ldap.ScopeBaseObject, filter: "(objectClass=*)",
				attributes: []string{fmt.Sprintf("%s;range=%d-*", s.MemberAttribute, from)},
			}, func(e entry) (err error) {
				came = true
				next, err = r.takeMembers(group, e, from)
				return err
			})
			if err == nil && !came || isAbsent(err) {
				err = &Fault{Code: RangeGap, Sentence: "A group went away while its members were read."}
			}
			if problem, ok := errors.AsType[*unusable](err); ok {
				err = &Fault{Code: Malformed, Sentence: problem.why}
			}
			if err != nil {
				return blame(ctx, err, ReadingRest, 0, r.directory.host)
			}
		}
		r.progress(Progress{ReadingRest, r.directory.host, 0, done + 1})
	}
	return nil
}

// skip notes an entry that cannot be used. What is merely incomplete counts as
// faulty when it was whole before: then something is wrong.
func (r *reading) skip(e entry, problem *unusable) {
	r.skipAs(string(e.dn), problem)
}

func (r *reading) skipAs(dn string, problem *unusable) {
	known := false
	if problem.id != "" {
		_, known = r.held(problem.id)
	}
	if !problem.incomplete || known {
		r.faulty++
	}
	r.skipped = append(r.skipped, Skipped{ID: problem.id, DN: bounded(dn, maxDN), Why: problem.why})
}
