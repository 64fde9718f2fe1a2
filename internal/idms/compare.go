package idms

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"

	"idms/internal/audit"
	"idms/internal/saml"
)

// Changes tells how one version of a record became another, field by field in the
// order of their paths, rules by their keys. Metadata, certificates and the icon are
// told by what they mean (addresses, fingerprints, sizes), since nobody reads them as
// they are written.
func Changes(from, to Record) ([]audit.Change, error) {
	var all []audit.Change
	if theirs, ok := metadataChanges(from.SAML, to.SAML); ok {
		all = append(all, theirs...)
		from.SAML.Metadata, to.SAML.Metadata = "", ""
	}
	for _, list := range []struct {
		field    string
		from, to *[]string
	}{
		{"saml.certificates", &from.SAML.Certificates, &to.SAML.Certificates},
		{"saml.metadata_certificates", &from.SAML.MetadataCertificates, &to.SAML.MetadataCertificates},
	} {
		before, ok := fingerprints(*list.from)
		after, okToo := fingerprints(*list.to)
		if ok && okToo {
			all = append(all, listChanges(list.field, before, after)...)
			*list.from, *list.to = nil, nil
		}
	}
	if !bytes.Equal(from.Button.Icon, to.Button.Icon) {
		all = append(all, audit.Change{Field: "button.icon", From: picture(from.Button.Icon), To: picture(to.Button.Icon)})
	}
	from.Button.Icon, to.Button.Icon = nil, nil

	var documents [2][]byte
	for i, record := range []Record{from, to} {
		var err error
		if documents[i], err = record.MarshalDocument(); err != nil {
			return nil, err
		}
	}
	rest, err := audit.Diff(documents[0], documents[1])
	if err != nil {
		return nil, err
	}
	rest = slices.DeleteFunc(rest, func(one audit.Change) bool { return one.Field == "schema" }) // of the form it is kept in
	all = append(all, rest...)
	slices.SortStableFunc(all, func(a, b audit.Change) int { return cmp.Compare(a.Field, b.Field) }) // "…" of Diff sorts last
	return all, nil
}

// metadataChanges are those of the provider that both texts describe; false when
// one cannot be read, or when they mean the same in other words.
func metadataChanges(from, to saml.Settings) ([]audit.Change, bool) {
	if from.Metadata == to.Metadata {
		return nil, false
	}
	var sides [2]saml.IdP
	for i, side := range []saml.Settings{from, to} {
		if side.Metadata == "" {
			continue // a provider without anything
		}
		reading, err := saml.ReadMetadata([]byte(side.Metadata), side.Issuer, nil)
		if err != nil {
			return nil, false
		}
		sides[i] = reading.IdP
	}
	changes := ProviderChanges(sides[0], sides[1])
	for i := range changes {
		changes[i].Field = "saml.metadata " + changes[i].Field
	}
	return changes, len(changes) > 0
}

// fingerprints are those of certificates by hand; false when one cannot be read.
func fingerprints(texts []string) ([]string, bool) {
	var all []string
	for _, text := range texts {
		list, err := saml.ParseCertificates(text)
		if err != nil {
			return nil, false
		}
		all = append(all, certificates(list)...)
	}
	return all, true
}

func picture(icon []byte) string {
	if len(icon) == 0 {
		return ""
	}
	return fmt.Sprintf("a picture of %d bytes", len(icon))
}

// ProviderChanges tells what is not the same of two states of a provider: a value
// that changed, one line for each certificate, address and format that came or
// went. Order counts for nothing.
func ProviderChanges(from, to saml.IdP) []audit.Change {
	var all []audit.Change
	if from.EntityID != to.EntityID {
		all = append(all, audit.Change{Field: "issuer", From: from.EntityID, To: to.EntityID})
	}
	list := func(field string, from, to []string) { all = append(all, listChanges(field, from, to)...) }
	list("sso_url", endpoints(from.SSO), endpoints(to.SSO))
	list("slo_url", endpoints(from.Logout), endpoints(to.Logout))
	list("slo_answer_url", endpoints(answers(from)), endpoints(answers(to)))
	list("certificates", certificates(from.Certificates), certificates(to.Certificates))
	list("name_id_formats", from.NameIDFormats, to.NameIDFormats)
	if from.WantRequestsSigned != to.WantRequestsSigned {
		words := map[bool]string{true: "true", false: "false"}
		all = append(all, audit.Change{Field: "want_requests_signed", From: words[from.WantRequestsSigned], To: words[to.WantRequestsSigned]})
	}
	return all
}

// listChanges are first what goes, then what comes.
func listChanges(field string, from, to []string) []audit.Change {
	var all []audit.Change
	for _, value := range from {
		if !slices.Contains(to, value) {
			all = append(all, audit.Change{Field: field, From: value})
		}
	}
	for _, value := range to {
		if !slices.Contains(from, value) {
			all = append(all, audit.Change{Field: field, To: value})
		}
	}
	return all
}

// answers are the addresses for answers that are not those for requests too.
func answers(p saml.IdP) []saml.Endpoint {
	return slices.DeleteFunc(slices.Clone(p.LogoutAnswers), func(one saml.Endpoint) bool { return slices.Contains(p.Logout, one) })
}

func endpoints(list []saml.Endpoint) []string {
	var all []string
	for _, endpoint := range list {
		all = append(all, endpoint.URL+" ("+string(endpoint.Binding)+")")
	}
	return all
}

func certificates(list []*x509.Certificate) []string {
	var all []string
	for _, certificate := range list {
		all = append(all, saml.Fingerprint(certificate))
	}
	return all
}
