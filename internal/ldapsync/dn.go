package ldapsync

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"idms/internal/users"
)

// key stands for something that names an entry, 128 bits with a secret of the
// run: nobody can make two names meet, and by chance none do. A hundred
// thousand names as they are would need ten times the memory.
type key [2]uint64

// keys makes keys for one run.
type keys struct {
	one, two maphash.Seed
	room     []byte
}

func newKeys() *keys { return &keys{one: maphash.MakeSeed(), two: maphash.MakeSeed()} }

func (k *keys) of(data []byte) key {
	return key{maphash.Bytes(k.one, data), maphash.Bytes(k.two, data)}
}

// dn is the key of a distinguished name. Two spellings of one name have one key.
func (k *keys) dn(name []byte) (key, error) {
	var err error
	if k.room, err = appendDN(k.room[:0], name); err != nil {
		return key{}, err
	}
	return k.of(k.room), nil
}

// appendDN appends a form of a distinguished name in which equal names are equal
// (RFC 4514; RFC 4517 4.2.15): types in lower case and by their short names,
// values without regard to case, to how they were escaped, and to spaces that
// mean nothing.
func appendDN(to, name []byte) ([]byte, error) {
	if simple, ok := appendSimpleDN(to, name); ok {
		return simple, nil
	}
	parsed, err := ldap.ParseDN(string(name))
	if err != nil {
		return nil, err
	}
	for _, rdn := range parsed.RDNs {
		parts := slices.Clone(rdn.Attributes)
		slices.SortFunc(parts, func(a, b *ldap.AttributeTypeAndValue) int {
			return cmp.Or(cmp.Compare(shortName(a.Type), shortName(b.Type)), cmp.Compare(foldValue(a.Value), foldValue(b.Value)))
		})
		for i, part := range parts {
			if i > 0 {
				to = append(to, '+')
			}
			to = append(to, shortName(part.Type)...)
			to = append(to, '=')
			to = appendEscaped(to, foldValue(part.Value))
		}
		to = append(to, ',')
	}
	return to, nil
}

// appendSimpleDN does the same for nearly all names there are: ASCII, nothing
// escaped, one value in each part. It returns false for what is not like that.
func appendSimpleDN(to, name []byte) ([]byte, bool) {
	if len(name) == 0 || len(name) > maxDN {
		return nil, false
	}
	to = slices.Grow(to, len(name)+1)
	inValue, from := false, len(to) // of the part under way
	for i := 0; i < len(name); i++ {
		c := plainLetters[name[i]]
		if c != 0 {
			to = append(to, c)
			continue
		}
		switch name[i] {
		case ' ':
			// A single one inside a value counts; at its ends none does.
			if i+1 == len(name) || name[i+1] == ' ' || name[i+1] == ',' || !inValue || len(to) == from {
				return nil, false
			}
			to = append(to, ' ')
		case ',':
			if !inValue || len(to) == from {
				return nil, false
			}
			to, inValue = append(to, ','), false
			from = len(to)
			// "ou=a, dc=b" is common enough.
			if i+1 < len(name) && name[i+1] == ' ' {
				i++
			}
		case '=':
			if inValue || len(to) == from {
				return nil, false // allowed in a value, and rare
			}
			if len(to)-from >= 6 {
				if short := shortNames[string(to[from:])]; short != "" {
					to = append(to[:from], short...)
				}
			}
			to, inValue = append(to, '='), true
			from = len(to)
		default:
			return nil, false
		}
	}
	if !inValue || len(to) == from {
		return nil, false
	}
	return append(to, ','), true
}

// plainLetters are the bytes of a name that mean themselves (RFC 4514 2.4), in
// lower case; 0 for all others.
var plainLetters = func() (letters [256]byte) {
	for c := byte('!'); c < 0x7f; c++ {
		letters[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		letters[c] = c + 'a' - 'A'
	}
	for _, c := range []byte(`,=+\"#;<>`) {
		letters[c] = 0
	}
	return letters
}()

// shortNames are the types that RFC 4514 3 names, by OID and by long name.
var shortNames = map[string]string{
	"2.5.4.3": "cn", "commonname": "cn",
	"2.5.4.7": "l", "localityname": "l",
	"2.5.4.8": "st", "stateorprovincename": "st",
	"2.5.4.10": "o", "organizationname": "o",
	"2.5.4.11": "ou", "organizationalunitname": "ou",
	"2.5.4.6": "c", "countryname": "c",
	"2.5.4.9": "street", "streetaddress": "street",
	"0.9.2342.19200300.100.1.25": "dc", "domaincomponent": "dc",
	"0.9.2342.19200300.100.1.1": "uid", "userid": "uid",
}

func shortName(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	name = strings.TrimPrefix(name, "oid.")
	if short, ok := shortNames[name]; ok {
		return short
	}
	return name
}

// foldValue leaves out what caseIgnoreMatch does not look at (RFC 4518 2.6.1).
func foldValue(value string) string {
	return users.Fold(strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' }), " "))
}

// appendEscaped keeps a value from looking like the end of its part.
func appendEscaped(to []byte, value string) []byte {
	for i := range len(value) {
		switch c := value[i]; c {
		case ',', '+', '\\':
			to = append(to, '\\', c)
		default:
			to = append(to, c)
		}
	}
	return to
}

// below tells whether a name is a base or below it, both in the form of
// appendDN.
func below(name, base []byte) bool {
	return len(base) == 0 || len(name) >= len(base) && string(name[len(name)-len(base):]) == string(base) &&
		(len(name) == len(base) || endsPart(name[:len(name)-len(base)]))
}

// endsPart: the comma that ends a part is not an escaped one.
func endsPart(head []byte) bool {
	if len(head) == 0 || head[len(head)-1] != ',' {
		return false
	}
	slashes := 0
	for i := len(head) - 2; i >= 0 && head[i] == '\\'; i-- {
		slashes++
	}
	return slashes%2 == 0
}
