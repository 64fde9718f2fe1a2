package ldapsync

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// lookUpAtOnce is how many ids go into one filter. Active Directory takes
// filters of a few thousand terms; small ones keep each answer on one page.
const lookUpAtOnce = 50

// LookUp looks people up again by their external ids (L7). The map has every id
// that was asked for: On, SwitchedOff or Expired when it is found as Read would
// find it, OutOfScope when there is an entry but not by the user base and
// filter, Gone when there is none anywhere in the directory that the bind DN
// may see. The error is a *Fault, and then there is no map.
func LookUp(ctx context.Context, s Settings, password string, ids []ID) (map[ID]Off, error) {
	s = s.Defaults()
	return lookUp(ctx, s, password, ids, s.UserBase, s.UserFilter, personAttributes(s))
}

// LookUpGroups does the same for groups, of which none is SwitchedOff or
// Expired.
func LookUpGroups(ctx context.Context, s Settings, password string, ids []ID) (map[ID]Off, error) {
	s = s.Defaults()
	s.Disabled = NeverDisabled
	return lookUp(ctx, s, password, ids, s.GroupBase, s.GroupFilter, groupAttributes(s)[:1])
}

func lookUp(ctx context.Context, s Settings, password string, ids []ID, base, filter string, attributes []string) (map[ID]Off, error) {
	verdicts := make(map[ID]Off, len(ids))
	if len(ids) == 0 {
		return verdicts, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.deadline())
	defer cancel()
	d, err := connect(ctx, s, password, nil)
	if err != nil {
		return nil, err
	}
	defer d.close()

	for _, id := range ids {
		verdicts[id] = Gone
	}
	root, err := d.root(ctx)
	if err != nil {
		return nil, err
	}
	// First everywhere, then in scope: somebody who moves in between is seen.
	elsewhere := question{LookingUp, root, ldap.ScopeWholeSubtree, "", []string{s.ExternalID}}
	there := func(id ID, _ entry) { verdicts[id] = OutOfScope }
	err = d.findIDs(ctx, elsewhere, ids, there)
	if hidden := isAbsent(err) || isCode(err, NotAllowed); hidden && root != s.BaseDN {
		elsewhere.base = s.BaseDN
		err = d.findIDs(ctx, elsewhere, ids, there)
	}
	if err != nil {
		return nil, err
	}
	mapper := newMapper(d.settings, time.Now())
	inScope := question{LookingUp, base, ldap.ScopeWholeSubtree, filter, attributes}
	err = d.findIDs(ctx, inScope, ids, func(id ID, e entry) {
		// Whose state cannot be told is at least there.
		verdicts[id], _ = mapper.off(e, id)
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

// findIDs asks for entries by their ids, some at once.
func (d *directory) findIDs(ctx context.Context, q question, ids []ID, found func(ID, entry)) error {
	wanted := map[ID]bool{}
	for from := 0; from < len(ids); from += lookUpAtOnce {
		var terms strings.Builder
		clear(wanted)
		for _, id := range ids[from:min(from+lookUpAtOnce, len(ids))] {
			wanted[id] = true
			fmt.Fprintf(&terms, "(%s=%s)", d.settings.ExternalID, escapeBytes(string(id)))
		}
		part := q
		part.filter = fmt.Sprintf("(&%s(|%s))", q.filter, terms.String())
		if q.filter == "" {
			part.filter = fmt.Sprintf("(|%s)", terms.String())
		}
		err := d.ask(ctx, part, func(e entry) error {
			for _, value := range e.values(d.settings.ExternalID) {
				// A chosen attribute may be one that does not tell A from a.
				for id := range wanted {
					if strings.EqualFold(string(id), string(value)) {
						found(id, e)
						return nil
					}
				}
			}
			return &Fault{Code: Malformed, Sentence: "The directory answers with an entry that was not asked for."}
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// escapeBytes writes a value for a filter with every byte escaped (RFC 4515 3):
// an id is bytes, not text.
func escapeBytes(value string) string {
	const digits = "0123456789abcdef"
	var escaped strings.Builder
	for i := range len(value) {
		escaped.WriteByte('\\')
		escaped.WriteByte(digits[value[i]>>4])
		escaped.WriteByte(digits[value[i]&15])
	}
	return escaped.String()
}

// root is the naming context that holds the base, so that somebody who moved out
// of the base is still found. A directory that does not tell has the base alone.
func (d *directory) root(ctx context.Context) (string, error) {
	base, err := appendDN(nil, []byte(d.settings.BaseDN))
	if err != nil {
		return "", blame(ctx, err, LookingUp, 0, d.host)
	}
	root, longest := d.settings.BaseDN, -1
	_, err = d.search(ctx, question{LookingUp, "", ldap.ScopeBaseObject, "(objectClass=*)", []string{"namingContexts"}}, func(e entry) error {
		for _, value := range e.values("namingContexts") {
			context, err := appendDN(nil, value)
			if err == nil && len(value) > 0 && below(base, context) && len(context) > longest {
				root, longest = string(value), len(context)
			}
		}
		return nil
	})
	if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights) {
		return "", blame(ctx, err, LookingUp, 0, d.host)
	}
	return root, nil
}
