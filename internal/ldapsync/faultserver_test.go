package ldapsync_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"idms/internal/ldapsync"
	"idms/test/program"
)

// faulty is a directory in process that commits the faults which no real one
// commits when asked: a paged reading of people and of groups, and one fault at
// one page of one of them.
type faulty struct {
	people, groups int
	pageSize       int // what it gives at most, whatever is asked for
	ranges         int // members it gives at once; 0 is all

	in    string // "people", "groups" or "ranges": where the fault is
	at    int    // the page, from 1
	fault func(*answering) bool

	address  string
	searches atomic.Int64
}

// answering is one search that is being answered. A fault that returns true has
// done all there is to do, with false the answer goes on as if nothing were.
type answering struct {
	conn     net.Conn
	id       int64
	page     int
	pages    int
	entries  []*ber.Packet // of this page
	noPaging bool          // leaves the control out
	cookie   *string       // instead of the right one
}

const faultyBase = "dc=example,dc=com"

func (f *faulty) start(t *testing.T) ldapsync.Settings {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go f.serve(conn)
		}
	}()
	f.address = listener.Addr().String()
	return ldapsync.Settings{
		Preset: ldapsync.OpenLDAP, Hosts: []string{f.address}, Security: ldapsync.InsecurePlaintext,
		BindDN: "cn=reader," + faultyBase, BaseDN: faultyBase,
		UserBase: "ou=people," + faultyBase, GroupBase: "ou=groups," + faultyBase,
		PageSize: 10, PageDeadline: "1m", Deadline: "5m", // for a busy machine
	}
}

func (f *faulty) serve(conn net.Conn) {
	defer conn.Close()
	for {
		packet, err := ber.ReadPacket(conn)
		if err != nil || len(packet.Children) < 2 {
			return
		}
		id := packet.Children[0].Value.(int64)
		switch request := packet.Children[1]; request.Tag {
		case ldap.ApplicationBindRequest:
			send(conn, envelope(id, done(ldap.ApplicationBindResponse, 0, "")))
		case ldap.ApplicationSearchRequest:
			f.searches.Add(1)
			if !f.search(conn, id, request, packet) {
				return
			}
		default:
			return
		}
	}
}

// search answers one search, and says whether the connection lives on.
func (f *faulty) search(conn net.Conn, id int64, request, packet *ber.Packet) bool {
	base := request.Children[0].Value.(string)
	attributes := request.Children[7].Children
	a := &answering{conn: conn, id: id, page: 1, pages: 1}
	where := "ranges"
	if len(attributes) == 1 && strings.Contains(attributes[0].Value.(string), ";range=") {
		from, _ := strconv.Atoi(strings.TrimSuffix(strings.SplitN(attributes[0].Value.(string), "=", 2)[1], "-*"))
		a.page = from / f.ranges
		number := 0
		fmt.Sscanf(base, "cn=group%d,", &number)
		a.entries = []*ber.Packet{f.group(number, from)}
	} else {
		total, make := f.people, f.person
		where = "people"
		if strings.HasPrefix(base, "ou=groups") {
			total, make, where = f.groups, func(i int) *ber.Packet { return f.group(i, 0) }, "groups"
		}
		size := f.pageSize
		if len(packet.Children) > 2 {
			control, err := ldap.DecodeControl(packet.Children[2].Children[0])
			if err != nil {
				return false
			}
			if paging, ok := control.(*ldap.ControlPaging); ok {
				size = min(size, int(paging.PagingSize))
				if len(paging.Cookie) > 0 {
					a.page, _ = strconv.Atoi(string(paging.Cookie))
				}
			}
		}
		a.pages = (total + size - 1) / size
		for i := (a.page - 1) * size; i < min(a.page*size, total); i++ {
			a.entries = append(a.entries, make(i))
		}
	}
	if f.fault != nil && f.in == where && f.at == a.page && f.fault(a) {
		return false
	}
	a.sendEntries(len(a.entries))
	response := envelope(id, done(ldap.ApplicationSearchResultDone, 0, ""))
	if where != "ranges" && !a.noPaging {
		paging := ldap.NewControlPaging(0)
		if a.page < a.pages {
			paging.SetCookie([]byte(strconv.Itoa(a.page + 1)))
		}
		if a.cookie != nil {
			paging.SetCookie([]byte(*a.cookie))
		}
		response = envelope(id, done(ldap.ApplicationSearchResultDone, 0, ""), paging)
	}
	send(conn, response)
	return true
}

func (f *faulty) person(i int) *ber.Packet {
	name := fmt.Sprintf("user%05d", i)
	return found(fmt.Sprintf("uid=%s,ou=people,%s", name, faultyBase), []attribute{
		{"uid", []string{name}}, {"mail", []string{name + "@example.com"}}, {"entryUUID", []string{fmt.Sprintf("%036d", i)}},
	})
}

func (f *faulty) group(i, from int) *ber.Packet {
	var members []string
	for person := range f.people {
		members = append(members, fmt.Sprintf("uid=user%05d,ou=people,%s", person, faultyBase))
	}
	dn := fmt.Sprintf("cn=group%d,ou=groups,%s", i, faultyBase)
	attributes := []attribute{{"cn", []string{fmt.Sprintf("group%d", i)}}, {"entryUUID", []string{fmt.Sprintf("g%035d", i)}}}
	if f.ranges == 0 {
		return found(dn, append(attributes, attribute{"member", members}))
	}
	last := min(from+f.ranges, len(members))
	name := fmt.Sprintf("member;range=%d-%d", from, last-1)
	if last == len(members) {
		name = fmt.Sprintf("member;range=%d-*", from)
	}
	return found(dn, append(attributes, attribute{"member", nil}, attribute{name, members[from:last]}))
}

type attribute struct {
	name   string
	values []string
}

func found(dn string, attributes []attribute) *ber.Packet {
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	entry.AppendChild(octets(dn))
	list := ber.NewSequence("")
	for _, one := range attributes {
		pair := ber.NewSequence("")
		pair.AppendChild(octets(one.name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, value := range one.values {
			set.AppendChild(octets(value))
		}
		pair.AppendChild(set)
		list.AppendChild(pair)
	}
	entry.AppendChild(list)
	return entry
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

func done(op ber.Tag, code int, text string) *ber.Packet {
	result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "")
	result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	result.AppendChild(octets(""))
	result.AppendChild(octets(text))
	return result
}

func envelope(id int64, op *ber.Packet, controls ...ldap.Control) *ber.Packet {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, control := range controls {
			list.AppendChild(control.Encode())
		}
		message.AppendChild(list)
	}
	return message
}

// send writes what it can: a client that has had enough closes.
func send(conn net.Conn, packet *ber.Packet) { _, _ = conn.Write(packet.Bytes()) }

func (a *answering) sendEntries(count int) {
	for _, one := range a.entries[:count] {
		send(a.conn, envelope(a.id, one))
	}
}

// hang keeps the connection open and says nothing, until the client closes it.
func (a *answering) hang() bool {
	_, _ = a.conn.Read(make([]byte, 1))
	return true
}

// The faults of the matrix, each with the codes that may come of it.
var matrix = []struct {
	name  string
	codes string
	fault func(a *answering) bool
}{
	{"size limit", "size_limit", result(4)},
	{"time limit", "time_limit", result(3)},
	{"administrative limit", "time_limit", result(11)},
	{"busy", "busy", result(51)},
	{"unavailable", "unavailable", result(52)},
	{"operations error", "directory_refused", result(1)},
	{"no rights", "not_allowed", result(50)},
	{"referral as the result", "referred", result(10)},
	{"a cookie it does not know any more", "paging_lost", result(53)},
	{"an unknown result code", "directory_refused", result(118)},
	{"no paging control", "paging_lost", func(a *answering) bool { a.noPaging = true; return false }},
	{"one cookie for ever, without entries", "paging_lost", func(a *answering) bool {
		a.cookie, a.entries = new(strconv.Itoa(a.page)), nil
		return false
	}},
	{"dropped before the page", "dropped", func(a *answering) bool { return true }},
	{"dropped after half of the page", "dropped", func(a *answering) bool { a.sendEntries(len(a.entries) / 2); return true }},
	{"dropped after the last entry", "dropped", func(a *answering) bool { a.sendEntries(len(a.entries)); return true }},
	{"dropped within an entry", "dropped", func(a *answering) bool {
		bytes := envelope(a.id, a.entries[0]).Bytes()
		_, _ = a.conn.Write(bytes[:len(bytes)/2])
		return true
	}},
	{"hanging before the page", "late", func(a *answering) bool { return a.hang() }},
	{"hanging after half of the page", "late", func(a *answering) bool { a.sendEntries(len(a.entries) / 2); return a.hang() }},
	{"hanging within an entry", "late", func(a *answering) bool {
		bytes := envelope(a.id, a.entries[0]).Bytes()
		_, _ = a.conn.Write(bytes[:len(bytes)-1])
		return a.hang()
	}},
	{"a line of text", "malformed", garbage("HTTP/1.1 400 Bad Request\r\n\r\n")},
	{"a length beyond all bounds", "malformed", garbage("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff")},
	{"an indefinite length", "malformed", garbage("\x30\x80\x02\x01\x02\x00\x00")},
	{"a message without content", "malformed", garbage("\x30\x00")},
	{"an entry that is longer than its message", "malformed", func(a *answering) bool {
		bytes := envelope(a.id, found("cn=a", nil)).Bytes()
		bytes[6]++ // the length of the entry
		return garbage(string(bytes))(a)
	}},
	{"the id of another request in an entry", "malformed", func(a *answering) bool {
		send(a.conn, envelope(a.id+1, a.entries[0]))
		return a.hang()
	}},
	{"the id of another request in the result", "malformed", func(a *answering) bool {
		a.sendEntries(len(a.entries))
		send(a.conn, envelope(a.id-1, done(ldap.ApplicationSearchResultDone, 0, "")))
		return a.hang()
	}},
	{"the answer to another kind of request", "malformed late", func(a *answering) bool {
		send(a.conn, envelope(a.id, done(ldap.ApplicationModifyResponse, 0, "")))
		send(a.conn, envelope(a.id, done(ldap.ApplicationSearchResultDone, 0, "")))
		return a.hang()
	}},
	{"notice of disconnection", "dropped", func(a *answering) bool {
		send(a.conn, envelope(0, done(ldap.ApplicationExtendedResponse, 52, "shutting down")))
		return a.hang()
	}},
}

func result(code int) func(*answering) bool {
	return func(a *answering) bool {
		a.sendEntries(len(a.entries) / 2)
		send(a.conn, envelope(a.id, done(ldap.ApplicationSearchResultDone, code, "no")))
		return a.hang()
	}
}

func garbage(text string) func(*answering) bool {
	return func(a *answering) bool {
		_, _ = a.conn.Write([]byte(text))
		return a.hang()
	}
}

// TestEveryFaultAtEveryPageIsAnErrorAndNeverASnapshot is L5's matrix.
func TestEveryFaultAtEveryPageIsAnErrorAndNeverASnapshot(t *testing.T) {
	sideBySide(t, func(run func(name string, test func(*testing.T))) {
		for _, row := range matrix {
			for _, in := range []string{"people", "groups"} {
				for page := 1; page <= 3; page++ {
					for _, plain := range []bool{false, true} {
						run(fmt.Sprintf("%s/%s/page %d/plain %v", row.name, in, page, plain), func(t *testing.T) {
							f := &faulty{people: 25, groups: 25, pageSize: 10, in: in, at: page, fault: row.fault}
							meets(t, f, row.codes, plain)
						})
					}
				}
			}
		}
	})
}

// sideBySide runs tests at once, many more than there are processors: most of
// them wait for a directory that says nothing.
func sideBySide(t *testing.T, all func(run func(name string, test func(*testing.T)))) {
	var group sync.WaitGroup
	defer group.Wait()
	room := make(chan struct{}, 64)
	all(func(name string, test func(*testing.T)) {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			t.Run(name, test)
		})
	})
}

// hurried waits for a page this long alone, where that is how the fault is found. The
// pages before it must come in time too, on a busy machine.
func hurried(s ldapsync.Settings, codes, wait string) ldapsync.Settings {
	if strings.Contains(codes, string(ldapsync.Late)) {
		s.PageDeadline = wait
	}
	return s
}

// meets reads a directory that commits its fault.
func meets(t *testing.T, f *faulty, codes string, plain bool) {
	s := hurried(f.start(t), codes, "3s")
	s.PlainReader = plain
	began := time.Now()
	snapshot, err := ldapsync.Read(context.Background(), s, "secret", nil, nil)
	fault, ok := errors.AsType[*ldapsync.Fault](err)
	if !ok {
		t.Fatalf("got %v and %d people, want a Fault", err, len(snapshot.People))
	}
	if len(snapshot.People)+len(snapshot.Groups)+len(snapshot.Skipped) != 0 {
		t.Error("part of the directory came with the error")
	}
	if !strings.Contains(" "+codes+" ", " "+string(fault.Code)+" ") {
		t.Errorf("code %s, want %s: %v", fault.Code, codes, err)
	}
	if string(fault.Phase) != f.in || fault.Host != f.address || fault.Sentence == "" {
		t.Errorf("the fault does not say where it was: %+v", fault)
	}
	// One cookie for ever is seen one page later.
	if fault.Page != f.at && fault.Page != f.at+1 {
		t.Errorf("page %d, want %d", fault.Page, f.at)
	}
	// Generous, for a busy machine; without the page's deadline it would hang.
	if took := time.Since(began); took > 4*time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestADirectoryThatGivesSmallerPagesThanAskedIsReadWhole(t *testing.T) {
	both(t, (&faulty{people: 25, groups: 7, pageSize: 3}).start(t), func(t *testing.T, s ldapsync.Settings) {
		snapshot := read(t, s, "secret")
		if len(snapshot.People) != 25 || len(snapshot.Groups) != 7 || len(snapshot.Groups[6].Members) != 25 {
			t.Errorf("read %d people and %d groups", len(snapshot.People), len(snapshot.Groups))
		}
	})
}

func TestMembersThatComeInPartsAreReadToTheLast(t *testing.T) {
	for _, size := range []int{1, 4, 24} {
		f := &faulty{people: 25, groups: 3, pageSize: 10, ranges: size}
		both(t, f.start(t), func(t *testing.T, s ldapsync.Settings) {
			for _, group := range read(t, s, "secret").Groups {
				if len(group.Members) != 25 {
					t.Errorf("parts of %d: %s has %d members", size, group.Name, len(group.Members))
				}
			}
		})
	}
}

// A list that comes in parts has faults of its own (L5).
func TestAGapInTheMembersIsAnError(t *testing.T) {
	group := func(attributes ...attribute) func(*answering) bool {
		return func(a *answering) bool {
			a.entries = []*ber.Packet{found("cn=group0,ou=groups,"+faultyBase, attributes)}
			return false
		}
	}
	member := []string{"uid=user00000,ou=people," + faultyBase}
	for _, tt := range []struct {
		name, codes string
		fault       func(*answering) bool
	}{
		{"a part begins too late", "range_gap", group(attribute{"member;range=5-*", member})},
		{"a part begins too early", "range_gap", group(attribute{"member;range=3-*", member})},
		{"a part has fewer than it says", "range_gap", group(attribute{"member;range=4-7", member})},
		{"a part of none that is not the last", "range_gap", group(attribute{"member;range=4-3", nil})},
		{"the part is left out", "range_gap", group(attribute{"cn", []string{"group0"}})},
		{"all at once instead", "range_gap", group(attribute{"member", member})},
		{"an option nobody knows", "range_gap", group(attribute{"member;lang-de", member})},
		{"the same part twice", "range_gap", group(attribute{"member;range=4-*", member}, attribute{"member;range=4-*", member})},
		{"the group is gone", "range_gap", func(a *answering) bool { a.entries = nil; return false }},
		{"the group is gone, by the result code", "range_gap", result(32)},
		{"a member without a name", "malformed", group(attribute{"member;range=4-*", []string{"nobody"}})},
		{"busy", "busy", result(51)},
		{"size limit", "size_limit", result(4)},
		{"dropped", "dropped", func(*answering) bool { return true }},
		{"hanging", "late", func(a *answering) bool { return a.hang() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{people: 25, groups: 3, pageSize: 10, ranges: 4, in: "ranges", at: 1, fault: tt.fault}
			both(t, hurried(f.start(t), tt.codes, "3s"), func(t *testing.T, s ldapsync.Settings) {
				_, err := ldapsync.Read(context.Background(), s, "secret", nil, nil)
				fault, ok := errors.AsType[*ldapsync.Fault](err)
				if !ok || string(fault.Code) != tt.codes || fault.Phase != ldapsync.ReadingRest {
					t.Errorf("got %v, want %s", err, tt.codes)
				}
			})
		})
	}
}

// A look-up that fails says nothing about anybody (L5, L7).
func TestALookUpThatFailsHasNoVerdicts(t *testing.T) {
	sideBySide(t, func(run func(string, func(*testing.T))) {
		for _, row := range matrix {
			run(row.name, func(t *testing.T) {
				f := &faulty{people: 25, pageSize: 10, in: "people", at: 1, fault: row.fault}
				verdicts, err := ldapsync.LookUp(context.Background(), hurried(f.start(t), row.codes, "3s"), "secret", []ldapsync.ID{"somebody"})
				if _, ok := errors.AsType[*ldapsync.Fault](err); !ok || verdicts != nil {
					t.Errorf("got %v, %v", verdicts, err)
				}
			})
		}
	})
}

func TestAStoppedReadingEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := &faulty{people: 25, pageSize: 10, in: "people", at: 2, fault: func(a *answering) bool {
		cancel()
		return a.hang()
	}}
	_, err := ldapsync.Read(ctx, f.start(t), "secret", nil, nil)
	if fault, ok := errors.AsType[*ldapsync.Fault](err); !ok || fault.Code != ldapsync.Stopped {
		t.Errorf("got %v", err)
	}
}

func TestTheDeadlineOfTheRunEndsItToo(t *testing.T) {
	f := &faulty{people: 25, pageSize: 10, in: "people", at: 2, fault: func(a *answering) bool { return a.hang() }}
	s := f.start(t)
	s.Deadline, s.PageDeadline = "1s", "10m"
	_, err := ldapsync.Read(context.Background(), s, "secret", nil, nil)
	if fault, ok := errors.AsType[*ldapsync.Fault](err); !ok || fault.Code != ldapsync.Late {
		t.Errorf("got %v", err)
	}
}

func TestTheNextHostIsAskedWhenOneCannotBeReached(t *testing.T) {
	silent := program.FreeAddress(t)
	f := &faulty{people: 25, groups: 1, pageSize: 10}
	s := f.start(t)
	s.Hosts = append([]string{silent}, s.Hosts...)
	if snapshot := read(t, s, "secret"); snapshot.Host != f.address {
		t.Errorf("answered by %s", snapshot.Host)
	}
}

// One host for the whole run: another replica may not have all that the first has.
func TestAFaultInTheMiddleIsNotMendedByTheNextHost(t *testing.T) {
	broken := &faulty{people: 25, groups: 1, pageSize: 10, in: "people", at: 2, fault: func(*answering) bool { return true }}
	whole := &faulty{people: 25, groups: 1, pageSize: 10}
	s := broken.start(t)
	whole.start(t)
	s.Hosts = append(s.Hosts, whole.address)
	if _, err := ldapsync.Read(context.Background(), s, "secret", nil, nil); err == nil || whole.searches.Load() != 0 {
		t.Errorf("err %v, and the second host was asked %d times", err, whole.searches.Load())
	}
}
