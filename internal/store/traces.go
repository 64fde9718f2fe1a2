package store

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"gorm.io/gorm"

	"idms/internal/fault"
	"idms/internal/trace"
	"idms/internal/users"
)

// Trace is a kept explanation of one login (S61). Everything but the document
// can be read, sorted and counted by anybody who reads the database; the
// document holds what people's attributes were, and is sealed.
type Trace struct {
	Ref      string // NewRef; what the visitor may read out on the telephone
	Record   string // key
	Version  int    // of the record
	At       time.Time
	Verified bool // the response was proved; the others are bounded in number
	Admitted bool
	Code     trace.Code // "" when admitted
	UserID   string     // "" when nobody is known by it
	Test     bool       // of a test login, which is no login: Admitted is false then, and UserID is ""
	Document []byte     // at most MaxTrace bytes
	Username string     // as a proved response said it, of somebody refused who had no account; "" of everybody else
	Response string     // as posted, when the record keeps it; written and never read back with the trace
}

// MaxTrace bounds the document of a trace, in bytes.
const MaxTrace = 4 << 20

type traceRow struct {
	Ref           string `gorm:"primaryKey"`
	RecordKey     string
	RecordVersion int
	At            int64
	Verified      bool
	Admitted      bool
	Code          string
	UserID        string
	Sealed        []byte
	Test          bool
	NameHash      []byte // NULL: nobody is named
	NameSealed    []byte
}

func (traceRow) TableName() string { return "traces" }

func (row traceRow) place() []byte { return []byte("traces/" + row.Ref) }

func (row traceRow) namePlace() []byte { return []byte("traces/name/" + row.Ref) }

// Stranger is true of the login of somebody who was refused and has no account, when
// the response was proved: it is found by the username in it. Anybody can claim a name
// in what is not proved, a test is no login, and accounts are found by themselves.
func (t Trace) Stranger() bool {
	return t.Verified && !t.Admitted && !t.Test && t.UserID == ""
}

// nameHash is what a username is found by in traces: as it is compared (S40).
func (s *Store) nameHash(username string) []byte {
	mac := hmac.New(sha256.New, s.nameKey)
	mac.Write([]byte(users.Fold(username)))
	return mac.Sum(nil)
}

// trace is a row without its document.
func (s *Store) trace(row traceRow) (Trace, error) {
	t := Trace{
		Ref: row.Ref, Record: row.RecordKey, Version: row.RecordVersion, At: instant(row.At),
		Verified: row.Verified, Admitted: row.Admitted, Code: trace.Code(row.Code), UserID: row.UserID, Test: row.Test,
	}
	if row.NameSealed == nil {
		return t, nil
	}
	name, err := s.box.Unseal(row.NameSealed, row.namePlace())
	if err != nil {
		return t, fmt.Errorf("store: the name in trace %s: %w", row.Ref, err)
	}
	t.Username = string(name)
	return t, nil
}

// crockford is Crockford's base 32: no letter that looks or sounds like a digit.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// refLength: 50 random bits. Nobody guesses one, and among ten million traces
// the next one is taken already with a chance of one in a hundred million.
const refLength = 10

// NewRef returns a fresh reference for a trace: short, readable, and safe to
// show.
func NewRef() string {
	ref := make([]byte, refLength)
	rand.Read(ref) // never fails: crypto/rand ends the program instead
	for i, random := range ref {
		ref[i] = crockford[random%32]
	}
	return string(ref)
}

// parseRef accepts a reference as a person types it, or copies it out of a
// sentence.
func parseRef(text string) (string, bool) {
	ref := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.Trim(text, " \t\r\n.,;:\"'")))
	return ref, len(ref) == refLength && strings.Trim(ref, crockford) == ""
}

// SaveTrace keeps a trace in the login's transaction.
func (tx *Tx) SaveTrace(t Trace) error { return tx.store.saveTrace(tx.db, t) }

// SaveTrace keeps the trace of a login that was refused before any transaction.
func (s *Store) SaveTrace(ctx context.Context, t Trace) error {
	db := s.write.WithContext(ctx)
	if err := s.saveTrace(db, t); err != nil {
		return err
	}
	// Anybody can post what cannot be verified. The bound must hold between two
	// purges too, give or take trimEvery for each process.
	if !t.Verified && s.unverified.Add(1)%trimEvery == 0 {
		_, err := s.trimUnverified(ctx, s.keeping(s.lately()).Unverified)
		return err
	}
	return nil
}

// trimEvery is after how many traces that could not be verified the oldest ones
// are removed.
const trimEvery = 200

func (s *Store) saveTrace(db *gorm.DB, t Trace) error {
	if len(t.Document) > MaxTrace {
		return fmt.Errorf("store: the document of trace %s has %d bytes, at most %d are kept", t.Ref, len(t.Document), MaxTrace)
	}
	row := traceRow{
		Ref: t.Ref, RecordKey: t.Record, RecordVersion: t.Version, At: micros(t.At),
		Verified: t.Verified, Admitted: t.Admitted, Code: string(t.Code), UserID: t.UserID, Test: t.Test,
	}
	packed, err := pack(t.Document)
	if err == nil {
		row.Sealed, err = s.box.Seal(packed, row.place())
	}
	if err == nil && t.Stranger() && t.Username != "" {
		row.NameHash = s.nameHash(t.Username)
		row.NameSealed, err = s.box.Seal([]byte(t.Username), row.namePlace())
	}
	if err != nil {
		return wrap(err, "seal a trace")
	}
	if err := db.Create(&row).Error; err != nil {
		return wrap(err, "save a trace")
	}
	return s.keepResponse(db, t)
}

// Trace finds a trace by its reference as a person types it, or fault.NotFound.
func (s *Store) Trace(ctx context.Context, ref string) (Trace, error) {
	parsed, ok := parseRef(ref)
	if !ok {
		return Trace{}, fault.New(fault.NotFound, "%q is not a reference. It has ten letters and digits, and stands on the page that refuses a login. What other pages show, sixteen small letters and digits, is an id in the log.", ref)
	}
	var row traceRow
	done := s.read.WithContext(ctx).Limit(1).Find(&row, "ref = ?", parsed)
	if done.Error != nil {
		return Trace{}, wrap(done.Error, "find a trace")
	}
	if done.RowsAffected == 0 {
		return Trace{}, fault.New(fault.NotFound, "There is no trace %s. Traces are kept for a set time.", parsed)
	}
	packed, err := s.box.Unseal(row.Sealed, row.place())
	if err != nil {
		return Trace{}, fmt.Errorf("store: trace %s: %w", parsed, err)
	}
	document, err := unpack(packed)
	if err != nil {
		return Trace{}, fmt.Errorf("store: trace %s: %w", parsed, err)
	}
	found, err := s.trace(row)
	found.Document = document
	return found, err
}

// packers are kept, because a new one costs more than what it packs: 700 KB, a
// quarter of all that a login allocates when a sync.Pool holds them, which every
// garbage collection empties. As many as can run at once are enough.
var packers = make(chan *flate.Writer, runtime.GOMAXPROCS(0))

func newPacker() *flate.Writer {
	select {
	case kept := <-packers:
		return kept
	default:
	}
	packer, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return packer
}

// keepPacker takes one back, unless there are enough.
func keepPacker(packer *flate.Writer) {
	packer.Reset(io.Discard) // or it would hold the last document
	select {
	case packers <- packer:
	default:
	}
}

// pack makes a document small: it repeats names and rule keys.
func pack(document []byte) ([]byte, error) {
	var packed bytes.Buffer
	packer := newPacker()
	defer keepPacker(packer)
	packer.Reset(&packed)
	if _, err := packer.Write(document); err != nil {
		return nil, err
	}
	err := packer.Close()
	return packed.Bytes(), err
}

func unpack(packed []byte) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), MaxTrace+1))
	if err == nil && len(document) > MaxTrace {
		err = fmt.Errorf("more than %d bytes", MaxTrace)
	}
	return document, err
}
