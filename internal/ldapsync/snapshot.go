package ldapsync

import (
	"strings"
	"time"

	"idms/internal/users"
)

// ID is what the directory knows an entry by for ever: the raw bytes of its
// objectGUID, entryUUID or chosen attribute (L1). Everything else about an
// entry, its DN included, may change.
type ID string

// IDs keeps many of them, one behind the other: a few large texts instead of as
// many small ones as there are people. The zero value is empty.
type IDs struct{ room strings.Builder }

// idsAtOnce is, in bytes, how much room is made at once, at most.
const idsAtOnce = 64 << 10

// Keep makes an ID of bytes that belong to somebody else.
func (k *IDs) Keep(id []byte) ID {
	if k.room.Cap()-k.room.Len() < len(id) {
		size := min(idsAtOnce, 2*k.room.Cap())
		k.room = strings.Builder{}
		k.room.Grow(max(size, len(id)))
	}
	from := k.room.Len()
	k.room.Write(id)
	return ID(k.room.String()[from:])
}

// Mark is a digest of all that a sync would keep of an entry. Two entries with
// one mark need no write.
type Mark [16]byte

// Off says why the directory lets a person in no longer; "" when it does (L3).
type Off string

const (
	On          Off = ""
	SwitchedOff Off = "disabled"     // userAccountControl, nsAccountLock, loginDisabled, pwdAccountLockedTime
	Expired     Off = "expired"      // accountExpires
	OutOfScope  Off = "out_of_scope" // found by its ID, but no longer by base and filter
	Gone        Off = "gone"         // found by its ID no longer
)

// Snapshot is one whole, consistent reading of a directory.
type Snapshot struct {
	Host         string // that answered, for the whole run
	Began, Ended time.Time
	People       []Person
	Groups       []Group
	Skipped      []Skipped
	Referrals    int // counted, never followed
}

// Person is one person of a directory.
type Person struct {
	ID   ID
	Mark Mark // of DN, profile and Off
	Off  Off  // On, SwitchedOff or Expired

	// DN and Profile are left out when the mark is the one that is held, so
	// that a hundred thousand people who did not change need no memory.
	DN      string
	Profile *users.Profile
}

// Group is one group of a directory.
type Group struct {
	ID   ID
	Mark Mark // of name, DN and the IDs of all members
	DN   string
	Name string

	// Members are places in Snapshot.People: ascending, each once, with the
	// members of nested groups and of the primary group.
	Members []uint32
}

// Skipped is an entry that was read but could not be used. Who is skipped is
// protected: nothing is taken from them in this run (L1, L5).
type Skipped struct {
	ID  ID     // "" when that is what is missing
	DN  string // at most 1 KiB
	Why string // a plain sentence
}
