// Package needs tells a test whether a part that Go cannot bring along is here:
// a PostgreSQL server, xmlsec1, Chromium, SimpleSAMLphp, pysaml2, LemonLDAP::NG,
// nginx, Caddy, OpenLDAP, Samba, Keycloak, curl, Schemathesis. It owns the rule of
// what happens when one is missing, and it is the only place where a test may be
// skipped: the test is skipped with a sentence that `make test` repeats in its
// closing list, but with CI=true it fails, because a skipped test proves nothing.
//
// It leaves starting and installing to the script test/run, which tells the
// tests where the parts are by environment variables:
//
//	IDMS_TEST_POSTGRES       URL of a superuser's database; tests make their own databases beside it
//	IDMS_TEST_XMLSEC1        the xmlsec1 program, default: xmlsec1 on the PATH
//	IDMS_TEST_CHROMIUM       the browser, default: chromium on the PATH
//	IDMS_TEST_PHP            the php program, default: php on the PATH
//	IDMS_TEST_SIMPLESAMLPHP  folder of the installed application, default: /usr/share/simplesamlphp
//	IDMS_TEST_PYTHON         the python3 program that has pysaml2, default: /usr/bin/python3
//	IDMS_TEST_NGINX          the nginx program, default: nginx on the PATH
//	IDMS_TEST_CADDY          the caddy program, default: caddy on the PATH
//	IDMS_TEST_SLAPD          the slapd program, default: slapd on the PATH
//	IDMS_TEST_LDAPSEARCH     the ldapsearch program, default: ldapsearch on the PATH
//	IDMS_TEST_SAMBA          the samba program, default: samba on the PATH
//	IDMS_TEST_SAMBA_TOOL     the samba-tool program, default: samba-tool on the PATH
//	IDMS_TEST_CURL           the curl program, default: curl on the PATH
//	IDMS_TEST_SCHEMATHESIS   the API fuzzer, default: schemathesis on the PATH
//	IDMS_TEST_KEYCLOAK       folder of an unpacked Keycloak

// IDMS_TEST_SQLITE         the sqlite3 program, for benchmarks, default: sqlite3 on the PATH
// IDMS_TEST_SKIPS          a file that collects one line for each skipped test
package needs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// databaseTimeout bounds each of CREATE and DROP DATABASE. They take some
// tens of milliseconds; the rest is for a machine busy with other tests.
const databaseTimeout = time.Minute

// PostgreSQL returns the URL of a new, empty database that belongs to this test
// alone and is dropped, together with its open connections, when the test ends.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	// template0, because copying template1 fails while anybody is connected to it.
	return copyOf(t, server(t), "template0")
}

// PostgreSQLCopy is PostgreSQL with a copy of what fill puts into an empty database.
// That is done once for all tests that say the same name: the original stays.
func PostgreSQLCopy(t testing.TB, original string, fill func(url string) error) string {
	t.Helper()
	at := server(t)
	if _, made := originals.Load(original); !made {
		makeOriginal(t, at, original, fill)
		originals.Store(original, true)
	}
	return copyOf(t, at, original)
}

// originals are the names of those that this process has seen whole.
var originals sync.Map

// originalsLock is the number of the lock under which one process makes an original.
const originalsLock = 0x69646d73

// makeOriginal makes the database that others are copied from, unless somebody has.
// It is a template, in PostgreSQL's words, as soon as it is whole.
func makeOriginal(t testing.TB, at, name string, fill func(url string) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*databaseTimeout)
	defer cancel()
	connection := connect(ctx, t, at)
	defer connection.Close(ctx) // which ends the lock, too
	run := func(statement string) {
		t.Helper()
		if _, err := connection.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run(fmt.Sprintf("SELECT pg_advisory_lock(%d)", originalsLock))
	var whole bool
	err := connection.QueryRow(ctx, "SELECT datistemplate FROM pg_database WHERE datname = $1", name).Scan(&whole)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	if whole {
		return
	}
	run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") // whoever made it was interrupted
	run("CREATE DATABASE " + name + " TEMPLATE template0")
	if err := fill(beside(t, at, name)); err != nil {
		t.Fatalf("filling the database that others are copied from: %v", err)
	}
	run("ALTER DATABASE " + name + " IS_TEMPLATE true")
}

// copyOf makes a database that is dropped when the test ends.
func copyOf(t testing.TB, at, original string) string {
	t.Helper()
	name := "idms_test_" + randomHex(t, 8)
	administer(t, at, "CREATE DATABASE "+name+" TEMPLATE "+original)
	t.Cleanup(func() { administer(t, at, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return beside(t, at, name)
}

// server is the URL of a superuser's database.
func server(t testing.TB) string {
	t.Helper()
	at := os.Getenv("IDMS_TEST_POSTGRES")
	if at == "" {
		missing(t, "a PostgreSQL server (IDMS_TEST_POSTGRES is not set)")
	}
	return at
}

// beside is the URL of another database of the same server.
func beside(t testing.TB, at, name string) string {
	t.Helper()
	address, err := url.Parse(at)
	if err != nil {
		t.Fatalf("IDMS_TEST_POSTGRES is not a URL: %v", err)
	}
	address.Path = "/" + name
	return address.String()
}

// Xmlsec1 returns the path of the xmlsec1 program, which signs, checks and
// encrypts XML without sharing a line of code with us.
func Xmlsec1(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_XMLSEC1", "xmlsec1")
}

// Chromium returns the path of the browser.
func Chromium(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_CHROMIUM", "chromium")
}

// PHP is the interpreter and the application that runs in it.
type PHP struct {
	Program       string // path of php
	SimpleSAMLphp string // folder that holds www/, lib/ and config/
}

// SimpleSAMLphp returns where PHP and the installed SimpleSAMLphp are.
func SimpleSAMLphp(t testing.TB) PHP {
	t.Helper()
	php := program(t, "IDMS_TEST_PHP", "php")
	folder := os.Getenv("IDMS_TEST_SIMPLESAMLPHP")
	if folder == "" {
		folder = "/usr/share/simplesamlphp"
	}
	if _, err := os.Stat(filepath.Join(folder, "www", "saml2", "idp", "SSOService.php")); err != nil {
		missing(t, "SimpleSAMLphp (not in "+folder+"; IDMS_TEST_SIMPLESAMLPHP names its folder)")
	}
	return PHP{Program: php, SimpleSAMLphp: folder}
}

// PySAML2 returns the python3 that has pysaml2: Debian's own by default, since
// another one on the PATH does not see its packages.
func PySAML2(t testing.TB) string {
	t.Helper()
	python := program(t, "IDMS_TEST_PYTHON", "/usr/bin/python3")
	const find = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('saml2'))"
	if err := exec.Command(python, "-I", "-c", find).Run(); err != nil {
		missing(t, "pysaml2 (not in "+python+"; IDMS_TEST_PYTHON names another)")
	}
	return python
}

// LemonLDAP returns the path of plackup and the folder below which usr/share
// has the modules and pages of LemonLDAP::NG.
func LemonLDAP(t testing.TB) (plackup, root string) {
	t.Helper()
	plackup = program(t, "IDMS_TEST_PLACKUP", "/usr/bin/plackup")
	root = os.Getenv("IDMS_TEST_LEMONLDAP")
	if root == "" {
		root = "/"
	}
	if err := exec.Command("/usr/bin/perl", "-I"+filepath.Join(root, "usr/share/perl5"),
		"-MLemonldap::NG::Portal", "-MLasso", "-MXML::Simple", "-MIO::String", "-e", "1").Run(); err != nil {
		missing(t, "LemonLDAP::NG (not below "+root+"; IDMS_TEST_LEMONLDAP names its folder)")
	}
	return plackup, root
}

// Nginx returns the path of nginx, which is built with auth_request.
func Nginx(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_NGINX", "nginx")
}

// Caddy returns the path of Caddy.
func Caddy(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_CADDY", "caddy")
}

// Mellon returns the path of Apache and the folder of its modules, with
// mod_auth_mellon among them. Only a benchmark asks for it, so that nothing
// installs it: libapache2-mod-auth-mellon brings both on Debian, and starts a
// web server on port 80.
func Mellon(t testing.TB) (apache, modules string) {
	t.Helper()
	apache = program(t, "IDMS_TEST_APACHE", "apache2")
	modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(filepath.Join(modules, "mod_auth_mellon.so")); err != nil {
		missing(t, "mod_auth_mellon (not in "+modules+")")
	}
	return apache, modules
}

// Slapd is an OpenLDAP server: installed on this machine, or unpacked for the
// tests alone, when its other files are beside it and not in their places.
type Slapd struct {
	Slapd     string // path of slapd
	Schema    string // folder of core.schema and others
	Modules   string // folder of back_mdb.so and others
	Libraries string // for LD_LIBRARY_PATH
	Search    string // path of ldapsearch
}

// OpenLDAP returns where OpenLDAP's server is.
func OpenLDAP(t testing.TB) Slapd {
	t.Helper()
	slapd := program(t, "IDMS_TEST_SLAPD", "slapd")
	root := filepath.Dir(filepath.Dir(filepath.Dir(slapd))) // above usr/sbin
	libraries, _ := filepath.Glob(filepath.Join(root, "usr", "lib", "*", "libslapi-2.*"))
	schema := filepath.Join(root, "etc", "ldap", "schema")
	if _, err := os.Stat(filepath.Join(schema, "core.schema")); err != nil || len(libraries) == 0 {
		missing(t, "OpenLDAP's files beside "+slapd)
	}
	return Slapd{
		Slapd:     slapd,
		Schema:    schema,
		Modules:   filepath.Join(root, "usr", "lib", "ldap"),
		Libraries: filepath.Dir(libraries[0]),
		Search:    program(t, "IDMS_TEST_LDAPSEARCH", "ldapsearch"),
	}
}

// Samba is a program that makes an Active Directory, and how to run it: it needs
// to be root, for the ports of LDAP and for the attributes of files.
type Samba struct {
	Program string
	Tool    string   // path of samba-tool
	AsRoot  []string // goes before the command; empty for root
}

// ActiveDirectory returns where Samba is.
func ActiveDirectory(t testing.TB) Samba {
	t.Helper()
	samba := Samba{Program: program(t, "IDMS_TEST_SAMBA", "samba"), Tool: program(t, "IDMS_TEST_SAMBA_TOOL", "samba-tool")}
	if os.Geteuid() != 0 {
		if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
			missing(t, "root, or sudo without a password, for Samba")
		}
		samba.AsRoot = []string{"sudo", "-n"}
	}
	return samba
}

// Curl returns the path of curl, with which the examples of the API are run.
func Curl(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_CURL", "curl")
}

// Schemathesis returns the path of the API fuzzer.
func Schemathesis(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_SCHEMATHESIS", "schemathesis")
}

// Keycloak returns the folder of an unpacked Keycloak. It comes from a registry
// that not every machine reaches, so its tests have a build tag of their own and
// run by test/keycloak alone, which brings it.
func Keycloak(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("IDMS_TEST_KEYCLOAK")
	if _, err := os.Stat(filepath.Join(folder, "bin", "kc.sh")); folder == "" || err != nil {
		missing(t, "Keycloak (make interop-keycloak brings it; IDMS_TEST_KEYCLOAK names its folder)")
	}
	return folder

}

// SQLiteShell returns the path of SQLite's own shell, which benchmarks import by.
func SQLiteShell(t testing.TB) string {
	t.Helper()
	return program(t, "IDMS_TEST_SQLITE", "sqlite3")
}

func program(t testing.TB, variable, name string) string {
	t.Helper()
	if named := os.Getenv(variable); named != "" {
		name = named
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" (not on the PATH; "+variable+" names its place)")
	}
	return path
}

// missing ends the test: skipped on a developer's machine, failed in CI.
func missing(t testing.TB, part string) {
	t.Helper()
	if ci() {
		t.Fatalf("needs %s, and with CI=true no test may be skipped", part)
	}
	if list := os.Getenv("IDMS_TEST_SKIPS"); list != "" {
		note(t, list, part)
	}
	t.Skipf("needs %s", part)
}

// ci reads the variable as CI services set it.
func ci() bool {
	switch strings.ToLower(os.Getenv("CI")) {
	case "", "0", "false":
		return false
	}
	return true
}

// note adds one line to the list of skipped tests. One write to a file opened
// for appending keeps lines of packages that are tested side by side whole.
func note(t testing.TB, list, part string) {
	t.Helper()
	file, err := os.OpenFile(list, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("list of skipped tests: %v", err)
	}
	defer file.Close()
	folder, err := os.Getwd()
	if err != nil {
		folder = "?"
	}
	if _, err := fmt.Fprintf(file, "%s\t%s/%s\n", part, filepath.Base(folder), t.Name()); err != nil {
		t.Fatalf("list of skipped tests: %v", err)
	}
}

func connect(ctx context.Context, t testing.TB, at string) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(ctx, at)
	if err != nil {
		t.Fatalf("the PostgreSQL server of IDMS_TEST_POSTGRES does not answer: %v", err)
	}
	return connection
}

func administer(t testing.TB, at, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), databaseTimeout)
	defer cancel()
	connection := connect(ctx, t, at)
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func randomHex(t testing.TB, size int) string {
	t.Helper()
	random := make([]byte, size)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(random)
}
