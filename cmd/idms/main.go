// Command idms is a SAML 2.0 login service: it lets people of a company's
// identity provider into a cloud-management portal, by rules that explain
// themselves. This package wires the parts by hand and owns the command line;
// it leaves every decision to the packages below.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"idms/internal/config"
	"idms/internal/fault"
	"idms/internal/saml"
)

// Exit codes of every command (docs/reference/command-line.md).
const (
	exitOK      = 0
	exitRefused = 1 // the answer is no: a refused login, a failed command
	exitUsage   = 2 // the command line, the configuration or a file is wrong
	exitChanges = 3 // a dry run found changes
	exitHeld    = 4 // a directory sync waits for approval
)

// errRefused ends a command with exitRefused after it has said everything.
var errRefused = errors.New("refused")

// errChanges ends a dry run with exitChanges after it has said everything.
var errChanges = errors.New("there are changes")

// errHeld ends a directory sync with exitHeld after it has said everything.
var errHeld = errors.New("held")

type commandLine struct {
	Serve        serveCommand        `cmd:"" help:"Log people in."`
	Demo         demoCommand         `cmd:"" help:"Start everything with a demo identity provider and a cast of people; nothing is kept."`
	Check        checkCommand        `cmd:"" help:"Decide about a captured response, without a database."`
	Apply        applyCommand        `cmd:"" help:"Make groups and records what a file says."`
	Export       exportCommand       `cmd:"" help:"Write the record file of what is in the database."`
	Versions     versionsCommand     `cmd:"" help:"List the versions of a record, or show one."`
	Restore      restoreCommand      `cmd:"" help:"Go back to a former version of a record."`
	Reapply      reapplyCommand      `cmd:"" help:"Apply the rules as they are now to people's last recorded assertions."`
	Test         testCommand         `cmd:"" name:"test-login" help:"Try a version of a record with a real login that lets nobody in."`
	Logins       loginsCommand       `cmd:"" help:"List the logins that are still explained, admitted and refused."`
	Trace        traceCommand        `cmd:"" help:"Explain a login by its reference."`
	Audit        auditCommand        `cmd:"" help:"Print who did what, from what to what: the audit trail."`
	Admin        adminCommand        `cmd:"" help:"Administrators: who they are, making one, letting one in."`
	Metadata     metadataCommand     `cmd:"" help:"The metadata of providers: look at it, read it again, approve it."`
	Certificates certificatesCommand `cmd:"" help:"List every certificate: whose, what for, when it ends."`
	Doctor       doctorCommand       `cmd:"" help:"Look at every record: metadata, certificates, clock, addresses, rules."`
	LDAP         ldapCommand         `cmd:"" name:"ldap" help:"Directory sync: people and groups of a record from LDAP or Active Directory."`
	Why          whyCommand          `cmd:"" help:"Say why a person is in a group."`
	Jobs         jobsCommand         `cmd:"" help:"What runs by itself."`
	People       peopleCommand       `cmd:"" help:"People: who they are, keeping somebody out, erasing somebody."`
	Groups       groupsCommand       `cmd:"" help:"Groups: who is in each and why, and people put in or taken out by hand."`
	LeftBehind   leftBehindCommand   `cmd:"" name:"left-behind" help:"Memberships that deleted associations left: list, remove, adopt."`
	Sessions     sessionsCommand     `cmd:"" help:"Who is logged in, and logging them out."`
	Token        tokenCommand        `cmd:"" help:"The tokens with which machines use the API."`
	Keys         keysCommand         `cmd:"" help:"The keys that seal secrets at rest, and the SAML keys of records."`
	Version      versionCommand      `cmd:"" help:"Print the version."`
}

// settings are the flags that every command with a database takes.
type settings struct {
	Config   string `help:"Configuration file (YAML)." type:"path" placeholder:"FILE"`
	Data     string `help:"Folder for the SQLite file and the keyset." type:"path" placeholder:"DIR"`
	Database string `help:"PostgreSQL instead of SQLite." placeholder:"postgres://…"`
}

func (s settings) load(p *program, more map[string]any) (config.Config, error) {
	flags := map[string]any{}
	for name, value := range more {
		flags[name] = value
	}
	if s.Data != "" {
		flags["data"] = s.Data
	}
	if s.Database != "" {
		flags["database"] = s.Database
	}
	return config.Load(s.Config, p.environ, flags)
}

// program is one run of the command: everything it may touch outside.
type program struct {
	ctx     context.Context
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	clock   func() time.Time
	// newKey makes the key of a new record; nil is a fresh one for each.
	newKey func(commonName string, now time.Time) (saml.Key, error)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{ctx: ctx, environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: time.Now}
	os.Exit(p.run(os.Args[1:]))
}

// run carries out one command line and returns its exit code.
func (p *program) run(args []string) int {
	alone := len(args) == 0
	if alone {
		args = []string{"--help"}
	}
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("idms"),
		kong.Description("Logs people of a company's identity provider into a cloud portal, by rules that explain themselves."),
		kong.UsageOnError(),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) {
			if alone {
				code = exitUsage
			}
			panic(exited(code))
		}),
		kong.Bind(p),
	)
	if err != nil {
		panic(err) // the command line above is wrong, whoever calls it
	}
	return guard(func() int {
		parsed, err := parser.Parse(args)
		if err != nil {
			fmt.Fprintf(p.stderr, "idms: %v\nTry idms --help.\n", err)
			return exitUsage
		}
		return p.exit(parsed.Run())
	})
}

// exited carries kong's wish to end (after --help) out of the parser.
type exited int

func guard(run func() int) (code int) {
	defer func() {
		switch end := recover().(type) {
		case nil:
		case exited:
			code = int(end)
		default:
			panic(end)
		}
	}()
	return run()
}

func (p *program) exit(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitRefused
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.Is(err, errHeld):
		return exitHeld
	}
	fmt.Fprintf(p.stderr, "idms: %v\n", err)
	if fault.KindOf(err) == fault.Invalid {
		return exitUsage
	}
	return exitRefused
}

func newLog(w io.Writer, c config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

type versionCommand struct{}

// version is set by the release build.
var version = ""

func (versionCommand) Run(p *program) error {
	name := version
	if info, ok := debug.ReadBuildInfo(); ok && name == "" {
		name = info.Main.Version
	}
	_, err := fmt.Fprintf(p.stdout, "idms %s\n", name)
	return err
}
