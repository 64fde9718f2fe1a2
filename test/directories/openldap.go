package directories

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"idms/internal/ldapsync"
	"idms/test/needs"
	"idms/test/program"
)

// The names in each OpenLDAP of a test, with one password for all of them.
const (
	Base     = "dc=example,dc=com"
	People   = "ou=people," + Base
	Groups   = "ou=groups," + Base
	Admin    = "cn=admin," + Base   // may do everything, without limits
	Limited  = "cn=limited," + Base // is given at most 50 entries, also in pages
	Blind    = "cn=blind," + Base   // may not even know that the base exists
	password = "correct horse battery"
)

// OpenLDAP starts an OpenLDAP server that holds the base, the two folders below
// it, and what is in the LDIF. It is stopped when the test ends.
func OpenLDAP(t testing.TB, ldif []byte) *Directory {
	t.Helper()
	installed := needs.OpenLDAP(t)
	folder := t.TempDir()
	const host = "127.0.0.1"
	ca, err := issue(folder, host)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "slapd.conf")
	if err := os.Mkdir(filepath.Join(folder, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(slapdConfig(installed, folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(tool string, arguments ...string) *exec.Cmd {
		command := exec.Command(installed.Slapd, append([]string{"-T", tool}, arguments...)...)
		if tool == "" {
			command = exec.Command(installed.Slapd, arguments...)
		}
		command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+installed.Libraries)
		return command
	}
	load := run("add", "-q", "-f", config)
	load.Stdin = bytes.NewReader(append([]byte(skeleton), ldif...))
	if output, err := load.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, output)
	}

	// A port is free when we look and may be taken when slapd binds it.
	var problem error
	for range 3 {
		plain, secure := port(t), port(t)
		d := &Directory{
			Host: host, Plain: plain, Secure: secure, CA: ca, BaseDN: Base, BindDN: Admin, Password: password,
			Folder: folder, preset: ldapsync.OpenLDAP,
		}
		urls := fmt.Sprintf("ldap://%s:%d/ ldaps://%s:%d/", host, plain, host, secure)
		d.running, problem = launch(run("", "-d", "0", "-h", urls, "-f", config), fmt.Sprintf("%s:%d", host, secure))
		if problem != nil {
			continue
		}
		t.Cleanup(d.running.stop)
		return d
	}
	t.Fatalf("OpenLDAP did not start: %v", problem)
	return nil
}

// PID is the process of the directory.
func (d *Directory) PID() int { return d.running.command.Process.Pid }

func port(t testing.TB) int {
	t.Helper()
	address := program.FreeAddress(t)
	number, err := strconv.Atoi(address[strings.LastIndex(address, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func slapdConfig(installed needs.Slapd, folder string) string {
	var config strings.Builder
	for _, schema := range []string{"core", "cosine", "inetorgperson"} {
		fmt.Fprintf(&config, "include %s/%s.schema\n", installed.Schema, schema)
	}
	fmt.Fprintf(&config, `
modulepath %[1]s
moduleload back_mdb
moduleload ppolicy
pidfile %[2]s/pid
TLSCACertificateFile %[2]s/ca.pem
TLSCertificateFile %[2]s/cert.pem
TLSCertificateKeyFile %[2]s/key.pem
sizelimit 500
idletimeout 0
database mdb
suffix "%[3]s"
rootdn "%[4]s"
rootpw "%[7]s"
directory %[2]s/data
maxsize 4294967296
dbnosync
limits dn.exact="%[5]s" size.soft=50 size.hard=50 size.prtotal=50
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="%[6]s" none by users read by anonymous none
index objectClass eq
index entryUUID,uid,cn eq
overlay ppolicy
`, installed.Modules, folder, Base, Admin, Limited, Blind, password)
	return config.String()
}

const skeleton = `dn: dc=example,dc=com
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: cn=limited,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: limited
userPassword: ` + password + `

dn: cn=blind,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: blind
userPassword: ` + password + `

`
