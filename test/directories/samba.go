package directories

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"idms/internal/ldapsync"
	"idms/test/needs"
)

// The domain that Samba makes.
const (
	Domain        = "ad.example.com"
	DomainBase    = "DC=ad,DC=example,DC=com"
	domainAdmin   = "Administrator@" + Domain
	adminPassword = "Correct-Horse-1-Battery"
)

var shared struct {
	sync.Mutex
	samba   *Directory
	problem error
	tried   bool
	release func()
}

// Run runs the tests of a package that calls Samba, and stops what they shared.
// It belongs into the package's TestMain.
func Run(m *testing.M) int {
	defer func() {
		if shared.release != nil {
			shared.release()
		}
	}()
	return m.Run()
}

// Samba returns a real Active Directory: a domain controller with an empty
// domain. Making one takes several seconds, so that the tests of one process
// share it: each works below a folder of its own. It ends with Run, or when this
// process does, however that comes.
func Samba(t testing.TB) *Directory {
	t.Helper()
	programs := needs.ActiveDirectory(t)
	shared.Lock()
	defer shared.Unlock()
	if !shared.tried {
		shared.tried = true
		shared.samba, shared.problem = startSamba(programs)
	}
	if shared.problem != nil {
		t.Fatalf("Samba did not start: %v", shared.problem)
	}
	return shared.samba
}

func startSamba(programs needs.Samba) (*Directory, error) {
	folder, err := os.MkdirTemp("", "idms-samba-")
	if err != nil {
		return nil, err
	}
	asRoot := func(name string, arguments ...string) *exec.Cmd {
		command := append(append([]string{}, programs.AsRoot...), append([]string{name}, arguments...)...)
		return exec.Command(command[0], command[1:]...)
	}
	shared.release = func() {
		if shared.samba != nil {
			shared.samba.running.stop()
		}
		_ = asRoot("rm", "-rf", folder).Run()
	}

	// Samba's ports are the usual ones. An address of loopback that nobody else
	// uses keeps several test processes apart.
	host := fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254))
	ca, err := issue(folder, host)
	if err != nil {
		return nil, err
	}
	domain := filepath.Join(folder, "domain")
	provision := asRoot(programs.Tool, "domain", "provision", "--targetdir="+domain,
		"--server-role=dc", "--use-rfc2307", "--dns-backend=NONE", "--realm="+Domain, "--domain=ADEX",
		"--adminpass="+adminPassword, "--host-name=dc1", "--host-ip="+host,
		"--option=interfaces="+host+"/8", "--option=bind interfaces only=yes")
	if output, err := provision.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("samba-tool domain provision: %w\n%s", err, output)
	}
	// Samba wants the key to belong to whom it runs as.
	for _, command := range []*exec.Cmd{
		asRoot("cp", filepath.Join(folder, "ca.pem"), filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"), domain),
		asRoot("chmod", "600", filepath.Join(domain, "key.pem")),
	} {
		if output, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", command, err, output)
		}
	}
	config := filepath.Join(folder, "smb.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, sambaConfig, host, domain), 0o600); err != nil {
		return nil, err
	}
	d := &Directory{
		Host: host, Plain: 389, Secure: 636, CA: ca, BaseDN: DomainBase, BindDN: domainAdmin, Password: adminPassword,
		Folder: folder, preset: ldapsync.ActiveDirectory,
	}
	// Interactive, it ends when its input does. The process is not asked by a
	// signal then: it may be root's.
	d.running, err = launch(asRoot(programs.Program, "-i", "--no-process-group", "-M", "single", "-s", config), host+":636")
	if err != nil {
		return nil, err
	}
	return d, nil
}

const sambaConfig = `[global]
	netbios name = DC1
	realm = AD.EXAMPLE.COM
	workgroup = ADEX
	server role = active directory domain controller
	server services = ldap
	dcerpc endpoint servers = -winreg
	interfaces = %[1]s/8
	bind interfaces only = yes
	ldap server require strong auth = no
	private dir = %[2]s/private
	lock directory = %[2]s
	state directory = %[2]s/state
	cache directory = %[2]s/cache
	pid directory = %[2]s
	ncalrpc dir = %[2]s/ncalrpc
	ntp signd socket directory = %[2]s/ntp
	winbindd socket directory = %[2]s/winbindd
	log file = %[2]s/log
	tls enabled = yes
	tls keyfile = %[2]s/key.pem
	tls certfile = %[2]s/cert.pem
	tls cafile = %[2]s/ca.pem
	idmap_ldb:use rfc2307 = yes
`

// Filetime is an instant as Active Directory writes it: 100 ns from 1601 on.
func Filetime(instant time.Time) string {
	return fmt.Sprint(instant.Unix()*1e7 + 116444736000000000)
}
