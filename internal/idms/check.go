package idms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/png"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"idms/internal/console"
	"idms/internal/fault"
	"idms/internal/groups"
	"idms/internal/roles"
	"idms/internal/rules"
	"idms/internal/saml"
	"idms/internal/users"
)

// The sizes of a record. Those of its SAML part stand in package saml, those
// of patterns and values in rules.
const (
	MaxKey       = 63     // bytes
	MaxName      = 100    // characters, of a record, a button or a group
	MaxAttribute = 1024   // bytes, of an attribute's name
	MaxRules     = 20_000 // of all three kinds together
)

// LocalKey is the key of the built-in record that people without an identity
// provider belong to (S40).
const LocalKey = "local"

// Check finds every problem of the record, each at its field, by the paths of
// the record file. A draft may leave out what only its provider can tell, the
// provider itself and the mapping: many providers ask for our addresses before
// they say anything. Whether the groups that the record names exist is known to
// store alone.
func (r Record) Check() fault.Problems {
	var problems fault.Problems
	problems.AddError("key", checkKey(r.Key))
	if r.Key == LocalKey {
		problems.Add("key", "The key %s belongs to the built-in record. Choose another.", LocalKey)
	}
	problems.AddError("name", checkName(r.Name))
	if r.Button.Label != "" {
		problems.AddError("button.label", checkName(r.Button.Label))
	}
	if r.Button.Icon != nil && !isOurIcon(r.Button.Icon) {
		problems.Add("button.icon", "The icon cannot be read. Choose it again.")
	}
	switch r.State {
	case "", Draft, Active, Disabled:
	default:
		problems.Add("state", "Write draft, active or disabled.")
	}
	if r.State == Draft && !r.SAML.NamesProvider() {
		problems.Under("saml", r.SAML.CheckOurs())
	} else {
		problems.Under("saml", r.SAML.Check())
	}
	if r.State != Draft || r.Mapping != (users.Mapping{}) {
		problems.Under("", r.checkMapping())
	}
	problems.Under("", r.checkRules())
	if r.Association == FromDirectory && r.Directory == nil {
		problems.Add("association_type", "Groups come from a directory, and the record describes none. Add directory, or write manual.")
	}
	if r.Directory != nil {
		problems.Under("directory", r.Directory.Check())
	}
	return problems
}

// checkDecision finds the problems of all that Decide looks at.
func (r Record) checkDecision() fault.Problems {
	return append(r.checkMapping(), r.checkRules()...)
}

func (r Record) checkMapping() fault.Problems {
	var problems fault.Problems
	problems.Under("mapping", r.Mapping.Check())
	for _, read := range r.Mapping.Reads() {
		problems.AddError("mapping."+read.Field, checkAttribute(read.Attribute))
	}
	return problems
}

func (r Record) checkRules() fault.Problems {
	var problems fault.Problems
	all := r.rules()
	if len(all) > MaxRules {
		problems.Add("", "The record has %d rules; at most %d are possible.", len(all), MaxRules)
		return problems
	}
	first := make(map[string]string, len(all)) // where each key stands first
	for i, rule := range all {
		path := r.path(i)
		problems.Under(path, checkRule(rule))
		if where, used := first[rule.Key]; used && rule.Key != "" {
			problems.Add(path+".key", "The key %s is used by %s too. Rules of one record need different keys.", rule.Key, where)
		} else {
			first[rule.Key] = path
		}
	}
	for i, grant := range r.Access {
		if grant.Level > console.Full {
			problems.Add(fmt.Sprintf("access_rules[%d].level", i), "Write full, restricted or none.")
		}
	}

	switch r.Association {
	case "", ByRules, FromDirectory:
	default:
		problems.Add("association_type", "Write manual or ldap.")
	}
	for i, association := range r.Associations {
		problems.AddError(fmt.Sprintf("associations[%d].group", i), checkKey(association.Group))
		switch association.OnMissing {
		case "", groups.Remove, groups.Keep:
		default:
			problems.Add(fmt.Sprintf("associations[%d].on_missing", i), "Write remove or keep.")
		}
	}
	return problems
}

// path of a rule in the record file, by its place in r.rules().
func (r Record) path(i int) string {
	for _, list := range []struct {
		name   string
		length int
	}{{"validation_rules", len(r.Validation)}, {"access_rules", len(r.Access)}} {
		if i < list.length {
			return fmt.Sprintf("%s[%d]", list.name, i)
		}
		i -= list.length
	}
	return fmt.Sprintf("associations[%d]", i)
}

func checkRule(rule rules.Rule) fault.Problems {
	var problems fault.Problems
	problems.AddError("key", checkKey(rule.Key))
	if rule.Attribute == "" {
		problems.Add("attribute", "Name the attribute that the rule reads.")
	}
	problems.AddError("attribute", checkAttribute(rule.Attribute))
	if rule.Pattern.IsZero() {
		problems.Add("pattern", "Enter the regular expression.")
	}
	if rule.Values > rules.None {
		problems.Add("values", "Write any, all or none.")
	}
	return problems
}

// CheckGroup finds every problem of a group.
func CheckGroup(group groups.Group) fault.Problems {
	var problems fault.Problems
	problems.AddError("key", checkKey(group.Key))
	if _, builtIn := roles.OfGroup(group.Key); builtIn {
		problems.Add("key", "The group %s is built in: its members are administrators. Associations may name it; leave it out of the groups.", group.Key)
	}
	problems.AddError("name", checkName(group.Name))
	return problems
}

// IsKey says whether a record, a rule or a group can have this key. Who looks one
// up by what somebody typed into an address asks this first.
func IsKey(text string) bool { return checkKey(text) == nil }

// checkKey accepts what may stand in an address, a file and a trace alike.
func checkKey(key string) error {
	odd := func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	switch {
	case key == "":
		return fault.New(fault.Invalid, "Choose a key: small letters, digits and hyphens.")
	case len(key) > MaxKey:
		return fault.New(fault.Invalid, "A key has at most %d characters.", MaxKey)
	case strings.ContainsFunc(key, odd) || key[0] == '-' || key[len(key)-1] == '-':
		return fault.New(fault.Invalid, "A key is made of small letters and digits, with hyphens between them.")
	}
	return nil
}

func checkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fault.New(fault.Invalid, "Enter a name.")
	case utf8.RuneCountInString(name) > MaxName:
		return fault.New(fault.Invalid, "A name has at most %d characters.", MaxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fault.New(fault.Invalid, "A name is one line of text.")
	}
	return nil
}

func checkAttribute(name string) error {
	switch {
	case len(name) > MaxAttribute:
		return fault.New(fault.Invalid, "An attribute's name has at most %d bytes.", MaxAttribute)
	case strings.HasPrefix(name, "@") && !slices.Contains(pseudo, name):
		return fault.New(fault.Invalid, "Names that begin with @ are our own: %s.", strings.Join(pseudo, ", "))
	}
	return nil
}

// pseudo are the names of S13 that rules and mapping may read besides those
// that came, as Facts itself gives them.
var pseudo = func() []string {
	every := saml.Assertion{
		NameID: saml.NameID{Value: "x", Format: "x"}, AuthnContext: "x", Issuer: "x", SessionIndex: "x",
	}
	var names []string
	for _, fact := range every.Facts() {
		names = append(names, fact.Name)
	}
	return names
}()

// isOurIcon is true for a small PNG of a picture and nothing else: a document may
// bring any, and whatever else a file holds would be served from this service's origin.
func isOurIcon(icon []byte) bool {
	if len(icon) > MaxIcon {
		return false
	}
	config, err := png.DecodeConfig(bytes.NewReader(icon))
	if err != nil || config.Width > IconSide || config.Height > IconSide {
		return false
	}
	const signature, around = 8, 12 // bytes of the file's beginning; around the data of a chunk: length, name, checksum (PNG 5.3)
	for rest := icon[signature:]; len(rest) >= around; {
		length, name := binary.BigEndian.Uint32(rest), string(rest[4:8])
		if uint64(length) > uint64(len(rest)-around) || !slices.Contains([]string{"IHDR", "PLTE", "tRNS", "IDAT", "IEND"}, name) {
			return false
		}
		rest = rest[around+length:]
		if name == "IEND" {
			return len(rest) == 0
		}
	}
	return false
}

// Warnings lists what an administrator may not have meant, each at its field.
// None stands in the way of saving. now is for the dates of certificates.
func (r Record) Warnings(now time.Time) fault.Problems {
	var warnings fault.Problems
	warnings.Under("saml", r.SAML.Warnings(now))
	return append(warnings, r.RuleWarnings()...)
}

// RuleWarnings are those of Warnings that are about rules.
func (r Record) RuleWarnings() fault.Problems {
	var warnings fault.Problems
	for i, rule := range r.rules() {
		for _, advice := range rule.Pattern.Advice() {
			warnings.Add(r.path(i)+".pattern", "%s", advice)
		}
		if strings.TrimSpace(rule.Attribute) != rule.Attribute {
			warnings.Add(r.path(i)+".attribute", "The name begins or ends with white space, and counts with it.")
		}
	}
	r.warnOfAccess(&warnings)
	r.warnOfAssociations(&warnings)
	return warnings
}

func (r Record) warnOfAccess(warnings *fault.Problems) {
	if len(r.Access) == 0 {
		warnings.Add("access_rules", sayNoAccessRules)
		return
	}
	if !slices.ContainsFunc(r.Access, admits) {
		warnings.Add("access_rules", sayNobodyAllowed)
	}
}

func (r Record) warnOfAssociations(warnings *fault.Problems) {
	if r.Association == FromDirectory && len(r.Associations) > 0 {
		warnings.Add("associations", sayDirectory)
	}
	of := map[string][]int{}
	removes := map[string]bool{}
	for i, association := range r.Associations {
		of[association.Group] = append(of[association.Group], i)
		removes[association.Group] = removes[association.Group] || association.UpdateOnLogin
	}
	for i, association := range r.Associations {
		if same := of[association.Group]; len(same) > 1 && same[0] == i { // S32
			warnings.Add(fmt.Sprintf("associations[%d].group", i), "There are %d associations for the group %s. Any that is true adds; removal needs all of them not true and one with update_on_login, and the most protective of their settings holds.", len(same), association.Group)
		}
		if !removes[association.Group] {
			const idle = "This is about removal, and nobody is removed unless update_on_login is switched on."
			if association.OnlyOwn {
				warnings.Add(fmt.Sprintf("associations[%d].only_own", i), idle)
			}
			if association.OnMissing == groups.Keep {
				warnings.Add(fmt.Sprintf("associations[%d].on_missing", i), idle)
			}
		}
	}
}

// WarningsOfReplacing lists what becomes of people when this record takes the
// place of a former version, beyond what each version says by itself.
func (r Record) WarningsOfReplacing(former Record) fault.Problems {
	var warnings fault.Problems
	if len(r.Access) == 0 && len(former.Access) > 0 {
		warnings.Add("access_rules", "This takes away the last access rule: everyone who logs in will have Full Access.") // S23
	}
	kept := map[string]string{}
	for _, association := range r.Associations {
		kept[association.Key] = association.Group
	}
	for _, association := range former.Associations {
		switch group, still := kept[association.Key]; {
		case !still:
			warnings.Add("associations", "The association %s goes, and its members stay in %s, shown as left by a deleted association.", association.Key, association.Group) // S34
		case group != association.Group:
			warnings.Add("associations", "The association %s now adds to %s, and its members stay in %s too, shown as left by a deleted association.", association.Key, group, association.Group)
		}
	}
	return warnings
}
