package directories

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Cast is how large a generated directory is. The same Cast is always the same
// directory, byte for byte, external ids included.
type Cast struct {
	Seed        uint64
	People      int
	Groups      int
	Memberships int // of all groups together; at most People in one group
}

// Large is the directory that the targets of directory sync are measured with.
var Large = Cast{Seed: 1, People: 100_000, Groups: 2_000, Memberships: 500_000}

// LDIF writes the cast for OpenLDAP: people with seven attributes below ou=people,
// groups with DNs as members below ou=groups.
func (c Cast) LDIF() []byte {
	random := rand.New(rand.NewPCG(c.Seed, 0))
	var out bytes.Buffer
	for i := range c.People {
		first, last := firstNames[random.IntN(len(firstNames))], lastNames[random.IntN(len(lastNames))]
		fmt.Fprintf(&out, `dn: %s
objectClass: inetOrgPerson
uid: %s
cn: %s %s
sn: %s
givenName: %s
mail: %s@example.com
telephoneNumber: +49 30 %07d
employeeNumber: %d
entryUUID: %s

`, UserDN(i), Username(i), first, last, last, first, Username(i), random.IntN(1e7), 100_000+i, uuid(random))
	}
	for i := range c.Groups {
		fmt.Fprintf(&out, "dn: cn=group%05d,%s\nobjectClass: groupOfNames\ncn: group%05d\nentryUUID: %s\n", i, Groups, i, uuid(random))
		// The remainder goes to the first groups, so that the sum is exact.
		size := c.Memberships / c.Groups
		if i < c.Memberships%c.Groups {
			size++
		}
		for _, member := range pick(random, min(size, c.People), c.People) {
			fmt.Fprintf(&out, "member: %s\n", UserDN(member))
		}
		if size == 0 {
			fmt.Fprintf(&out, "member: cn=dummy,%s\n", Base)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// Username and UserDN are those of the generated person i, from 0.
func Username(i int) string { return fmt.Sprintf("user%06d", i) }

// UserDN is the name of the generated person i.
func UserDN(i int) string { return "uid=" + Username(i) + "," + People }

// pick chooses count different numbers below most.
func pick(random *rand.Rand, count, most int) []int {
	if count*2 > most {
		return random.Perm(most)[:count]
	}
	seen := make(map[int]bool, count)
	chosen := make([]int, 0, count)
	for len(chosen) < count {
		if one := random.IntN(most); !seen[one] {
			seen[one] = true
			chosen = append(chosen, one)
		}
	}
	return chosen
}

func uuid(random *rand.Rand) string {
	high, low := random.Uint64(), random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", high>>32, high>>16&0xffff, high&0xfff, low>>52, low&0xffffffffffff)
}

var (
	firstNames = []string{"Ada", "Alan", "Barbara", "Claude", "Donald", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Jean", "Karen", "Leslie", "Margaret", "Niklaus", "Radia"}
	lastNames  = []string{"Allen", "Bartik", "Dijkstra", "Hamilton", "Hopper", "Knuth", "Lamarr", "Lamport", "Liskov", "Lovelace", "Perlman", "Shannon", "Spaerck", "Sutherland", "Turing", "Wirth"}
)
