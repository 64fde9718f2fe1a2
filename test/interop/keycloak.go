package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"idms/test/needs"
	"idms/test/program"
)

const (
	keycloakRealm = "company"
	keycloakAdmin = "admin"
	// keycloakTimeout bounds the start: twenty seconds on a quiet machine of two
	// cores, and much more on a busy one.
	keycloakTimeout = 6 * time.Minute
)

// The encryption of Keycloak's own choosing is another one; see
// [ServiceProvider.StockAlgorithms].
const (
	keycloakAES  = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
	keycloakOAEP = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
)

// Keycloak is a running identity provider on a loopback port: one realm, in a
// database in memory.
type Keycloak struct {
	EntityID string
	SSO      string // address that takes an AuthnRequest by redirect or POST

	base     string
	password string // of its administrator
}

// StartKeycloak starts an identity provider that knows these people and no
// service yet. Their groups are realm roles. It is stopped when the test ends;
// what it said is shown when the test failed.
func StartKeycloak(t testing.TB, people ...Person) *Keycloak {
	t.Helper()
	home := needs.Keycloak(t)

	var problem error
	for range 3 { // the port is free when we look, and may be taken when Java binds it
		address := program.FreeAddress(t)
		idp := &Keycloak{base: "http://" + address, password: secret(t)}
		idp.EntityID = idp.base + "/realms/" + keycloakRealm
		idp.SSO = idp.EntityID + "/protocol/saml"
		if problem = idp.serve(t, home, address); problem == nil {
			idp.settle(t, people)
			return idp
		}
	}
	t.Fatalf("Keycloak did not start: %v", problem)
	return nil
}

func (idp *Keycloak) serve(t testing.TB, home, address string) error {
	t.Helper()
	host, port, _ := strings.Cut(address, ":")
	command := exec.Command(filepath.Join(home, "bin", "kc.sh"), "start-dev",
		"--http-host="+host, "--http-port="+port, "--db=dev-mem", "--cache=local")
	command.Env = append(os.Environ(),
		"KC_BOOTSTRAP_ADMIN_USERNAME="+keycloakAdmin,
		"KC_BOOTSTRAP_ADMIN_PASSWORD="+idp.password,
		"JAVA_OPTS_KC_HEAP=-Xms64m -Xmx768m")
	return launchWithin(t, keycloakTimeout, "Keycloak", command,
		func(line string) bool { return strings.Contains(line, "Listening on: ") },
		func(line string) bool { return strings.Contains(line, " INFO ") })
}

// settle makes the realm, its roles and its people.
func (idp *Keycloak) settle(t testing.TB, people []Person) {
	t.Helper()
	type named map[string]any
	var roles, users []any
	var known []string
	for _, person := range people {
		groups := person.Attributes["groups"]
		for _, group := range groups {
			if !slices.Contains(known, group) {
				known = append(known, group)
				roles = append(roles, named{"name": group})
			}
		}
		users = append(users, named{
			"username": person.Username, "enabled": true, "emailVerified": true,
			"email": first(person.Attributes["mail"]), "firstName": first(person.Attributes["givenName"]), "lastName": first(person.Attributes["sn"]),
			"credentials": []any{named{"type": "password", "value": person.Password}},
			"realmRoles":  groups,
		})
	}
	idp.administer(t, http.MethodPost, "", named{
		"realm": keycloakRealm, "enabled": true, "sslRequired": "none",
		"roles": named{"realm": roles}, "users": users,
	}, nil)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Trust makes the provider log people in to sp, from its next request on. A
// second call with the same EntityID replaces the first.
func (idp *Keycloak) Trust(t testing.TB, sp ServiceProvider) {
	t.Helper()
	// What the button "Import client" of its console does.
	var client map[string]any
	idp.administer(t, http.MethodPost, "/client-description-converter", []byte(NewVisitor(t).Open(t, sp.MetadataURL).Body), &client)

	attributes, _ := client["attributes"].(map[string]any)
	onOff := func(name string, on bool) { attributes[name] = fmt.Sprint(on) }
	onOff("saml.server.signature", sp.SignResponse)
	onOff("saml.assertion.signature", sp.SignAssertion)
	onOff("saml.encrypt", sp.Encrypt)
	onOff("saml.client.signature", sp.RequestsSigned)
	onOff("saml.force.post.binding", true)
	onOff("saml_force_name_id_format", false)
	attributes["saml_name_id_format"] = "persistent"
	attributes["saml_idp_initiated_sso_url_name"] = startName(sp.EntityID)
	if !sp.StockAlgorithms {
		attributes["saml.encryption.algorithm"] = keycloakAES
		attributes["saml.encryption.keyAlgorithm"] = keycloakOAEP
	}

	mapper := func(name, kind string, config map[string]string) map[string]any {
		config["attribute.nameformat"] = "Basic"
		return map[string]any{"name": name, "protocol": "saml", "protocolMapper": kind, "config": config}
	}
	mappers := []any{mapper("roles", "saml-role-list-mapper", map[string]string{
		"attribute.name": "Role", "single": fmt.Sprint(sp.SingleRoleAttribute)})}
	for _, property := range []string{"username", "email", "firstName", "lastName"} {
		mappers = append(mappers, mapper(property, "saml-user-attribute-mapper",
			map[string]string{"user.attribute": property, "attribute.name": property}))
	}
	client["protocolMappers"] = mappers
	// Without role_list, whose mapper would send the roles a second time.
	client["defaultClientScopes"] = []string{"AuthnContextClassRef"}

	var known []struct{ ID string }
	idp.administer(t, http.MethodGet, "/clients?clientId="+url.QueryEscape(sp.EntityID), nil, &known)
	for _, old := range known {
		idp.administer(t, http.MethodDelete, "/clients/"+old.ID, nil, nil)
	}
	idp.administer(t, http.MethodPost, "/clients", client, nil)
}

// startName is the last part of the address at which a login to a service
// begins here ("IDP-Initiated SSO URL name").
func startName(entityID string) string {
	return strings.NewReplacer("://", "-", "/", "-", ":", "-", ".", "-").Replace(entityID)
}

// Metadata fetches the realm's descriptor.
func (idp *Keycloak) Metadata(t testing.TB) []byte {
	t.Helper()
	page := NewVisitor(t).Open(t, idp.Descriptor())
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "EntityDescriptor") {
		t.Fatalf("descriptor of Keycloak: status %d: %s", page.Status, page.Body)
	}
	return []byte(page.Body)
}

// Descriptor is the address of the realm's metadata.
func (idp *Keycloak) Descriptor() string { return idp.SSO + "/descriptor" }

// Unsolicited is the address that begins a login at the provider, without a
// request of ours.
func (idp *Keycloak) Unsolicited(spEntityID, relayState string) string {
	address := idp.SSO + "/clients/" + startName(spEntityID)
	if relayState != "" {
		address += "?" + url.Values{"RelayState": {relayState}}.Encode()
	}
	return address
}

// Logout is the address that begins a logout at the provider, with a page that
// asks first: it then asks each service that whoever is in front of the browser
// has been at to end their sessions.
func (idp *Keycloak) Logout(_, _ string) string {
	return idp.EntityID + "/protocol/openid-connect/logout"
}

// AddKey makes the realm's next key: it is in the descriptor, and another one
// signs until sign is called.
func (idp *Keycloak) AddKey(t testing.TB) (sign func()) {
	t.Helper()
	const kind = "org.keycloak.keys.KeyProvider"
	var realm struct{ ID string }
	idp.administer(t, http.MethodGet, "/", nil, &realm)
	config := map[string][]string{"priority": {"1"}, "enabled": {"true"}, "active": {"true"}, "keySize": {"2048"}, "algorithm": {"RS256"}}
	component := map[string]any{"name": "next", "providerId": "rsa-generated", "providerType": kind, "parentId": realm.ID, "config": config}
	idp.administer(t, http.MethodPost, "/components", component, nil)
	var found []map[string]any
	idp.administer(t, http.MethodGet, "/components?name=next&type="+kind, nil, &found)
	if len(found) != 1 {
		t.Fatalf("%d keys of that name", len(found))
	}
	return func() {
		t.Helper()
		found[0]["config"].(map[string]any)["priority"] = []string{"1000"}
		idp.administer(t, http.MethodPut, fmt.Sprint("/components/", found[0]["id"]), found[0], nil)
	}
}

// administer calls the realm's admin API: body is text or a value that becomes
// JSON, and the answer goes into result unless that is nil. A path of "" makes
// the realm.
func (idp *Keycloak) administer(t testing.TB, method, path string, body, result any) {
	t.Helper()
	address := idp.base + "/admin/realms"
	if path != "" {
		address += "/" + keycloakRealm + path
	}
	content, contentType := []byte(nil), "application/json"
	switch body := body.(type) {
	case nil:
	case []byte:
		content, contentType = body, "application/xml"
	default:
		var err error
		if content, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequest(method, address, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+idp.token(t))
	idp.call(t, request, result)
}

// token is good for a minute; each call takes a new one.
func (idp *Keycloak) token(t testing.TB) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, idp.base+"/realms/master/protocol/openid-connect/token", strings.NewReader(url.Values{
		"client_id": {"admin-cli"}, "grant_type": {"password"}, "username": {keycloakAdmin}, "password": {idp.password},
	}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	idp.call(t, request, &answer)
	return answer.Token
}

func (idp *Keycloak) call(t testing.TB, request *http.Request, result any) {
	t.Helper()
	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("Keycloak: %s %s: %s\n%s", request.Method, request.URL, response.Status, answer)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer, result); err != nil {
		t.Fatalf("Keycloak: %s %s: %v\n%s", request.Method, request.URL, err, answer)
	}
}

// loopbackJar keeps Secure cookies of loopback addresses as browsers do, which
// trust these addresses without TLS (W3C Secure Contexts 3.1). Keycloak counts
// on it.
type loopbackJar struct{ http.CookieJar }

func trustLoopback(jar *cookiejar.Jar, err error) (http.CookieJar, error) {
	return loopbackJar{jar}, err
}

func (j loopbackJar) SetCookies(from *url.URL, cookies []*http.Cookie) {
	if ip := net.ParseIP(from.Hostname()); ip != nil && ip.IsLoopback() {
		for _, cookie := range cookies {
			cookie.Secure = false
		}
	}
	j.CookieJar.SetCookies(from, cookies)
}
