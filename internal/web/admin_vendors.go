package web

import (
	"slices"
	"strings"

	"idms/docs"
	"idms/internal/users"
)

// vendor is an identity provider that pages speak the words of. The zero vendor is
// any other.
type vendor struct {
	docs.Provider
	Where   string        // its metadata is found
	Mapping users.Mapping // as its guide has it
	entity  []string      // parts of the entity IDs that it is known by
}

const claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

// vendors are those of the glossary's table of consoles, in its order.
var vendors = []vendor{
	sold("entra-id", "Single sign-on > SAML Certificates: App Federation Metadata Url, or download Federation Metadata XML.",
		users.Mapping{Username: claims + "name", Email: claims + "emailaddress", FirstName: claims + "givenname", LastName: claims + "surname"},
		"https://sts.windows.net/"),
	sold("okta", "Sign On > SAML 2.0 > Metadata details: Metadata URL.",
		users.Mapping{Username: "@name_id", Email: "email", FirstName: "firstName", LastName: "lastName"},
		"http://www.okta.com/", ".okta.com"),
	sold("adfs", "https://HOST/FederationMetadata/2007-06/FederationMetadata.xml",
		users.Mapping{Username: claims + "upn", Email: claims + "emailaddress", FirstName: claims + "givenname", LastName: claims + "surname"},
		"/adfs/services/trust"),
	sold("google", "Apps > Web and mobile apps > the app > Download metadata. There is no address: take the file.",
		users.Mapping{Username: "@name_id", Email: "email", FirstName: "firstName", LastName: "lastName"},
		"https://accounts.google.com/o/saml2"),
	sold("pingfederate", "System > Protocol Metadata > Metadata Export, or https://PING:9031/pf/federation_metadata.ping?PartnerSpId=… with our Service Provider Issuer.",
		users.Mapping{Username: "@name_id", Email: "mail", FirstName: "givenName", LastName: "sn"}),
	sold("onelogin", "More Actions > SAML Metadata, which is a file.",
		users.Mapping{Username: "@name_id", Email: "email", FirstName: "firstName", LastName: "lastName"},
		"https://app.onelogin.com/saml/metadata", ".onelogin.com"),
	sold("auth0", "https://TENANT.auth0.com/samlp/metadata/CLIENT_ID, on the addon's Usage tab.",
		users.Mapping{Username: claims + "nameidentifier", Email: claims + "emailaddress", FirstName: claims + "givenname", LastName: claims + "surname"},
		".auth0.com"),
	sold("keycloak", "Realm settings > Endpoints > SAML 2.0 Identity Provider Metadata: https://HOST/realms/REALM/protocol/saml/descriptor",
		users.Mapping{Username: "username", Email: "email", FirstName: "firstName", LastName: "lastName"},
		"/realms/"),
	sold("shibboleth", "https://HOST/idp/shibboleth",
		users.Mapping{Username: "urn:oasis:names:tc:SAML:attribute:subject-id", Email: "urn:oid:0.9.2342.19200300.100.1.3", FirstName: "urn:oid:2.5.4.42", LastName: "urn:oid:2.5.4.4"},
		"/idp/shibboleth"),
	sold("lemonldap", "https://PORTAL/saml/metadata",
		users.Mapping{Username: "uid", Email: "mail", FirstName: "givenName", LastName: "sn"},
		"/saml/metadata"),
	sold("simplesamlphp", "https://HOST/simplesaml/saml2/idp/metadata.php",
		users.Mapping{Username: "uid", Email: "mail", FirstName: "givenName", LastName: "sn"},
		"/saml2/idp", "/simplesaml"),
}

func sold(key, where string, mapping users.Mapping, entity ...string) vendor {
	provider, ok := docs.Words.Provider(key)
	if !ok {
		panic("web: the glossary has no provider " + key) // a slip of ours, which every start meets
	}
	return vendor{provider, where, mapping, entity}
}

// anyOther is how the choice of none is sent.
const anyOther = "other"

// vendorAt is the one that a form or an address names; the zero one otherwise.
func vendorAt(key string) vendor {
	if i := slices.IndexFunc(vendors, func(v vendor) bool { return v.Key == key }); i >= 0 {
		return vendors[i]
	}
	return vendor{}
}

// vendorOf guesses by a provider's entity ID whose it is.
func vendorOf(entityID string) vendor {
	for _, one := range vendors {
		if slices.ContainsFunc(one.entity, func(part string) bool { return strings.Contains(entityID, part) }) {
			return one
		}
	}
	return vendor{}
}

// named is what pages call it.
func (v vendor) named() string {
	if v.Key == "" {
		return "your identity provider"
	}
	return v.Name
}

// param is how addresses and forms name it.
func (v vendor) param() string {
	if v.Key == "" {
		return anyOther
	}
	return v.Key
}

func (v vendor) calls(term docs.Term) string { return strings.Join(v.Calls(term), " · ") }

// synonyms are the words of others for one of ours. Those beside the label are to be
// recognised, not read; the rest opens.
type synonyms struct {
	Shown, More string
	Others      int // how many more
}

const synonymsShown = 4

// alsoCalled are the words of others for one of ours, to stand beside it: those of
// the vendor have a place of their own, and those that only one other vendor uses
// help nobody who has chosen. For the zero vendor they are everybody's.
func alsoCalled(term docs.Term, at vendor) synonyms {
	var list []string
	for _, one := range term.Also {
		if one.Text != term.Word && (at.Key == "" || len(one.By) == 0) {
			list = append(list, one.Text)
		}
	}
	shown := min(len(list), synonymsShown)
	return synonyms{strings.Join(list[:shown], " · "), strings.Join(list[shown:], " · "), len(list) - shown}
}

// vendorOptions are the choices of a provider.
func vendorOptions(chosen vendor) []option {
	list := []option{}
	for _, one := range vendors {
		list = append(list, option{Value: one.Key, Label: one.Name})
	}
	slices.SortFunc(list, func(a, b option) int { return strings.Compare(a.Label, b.Label) })
	list = append(list, option{Value: anyOther, Label: "Any other"})
	return optionsOf(chosen.param(), list...)
}
