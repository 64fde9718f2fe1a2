package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"text/tabwriter"

	"idms/examples/portal"
	"idms/internal/config"
	"idms/internal/demo"
	"idms/internal/directory"
	"idms/internal/idms"
	"idms/internal/roles"
	"idms/internal/store"
	"idms/internal/web"
)

type demoCommand struct {
	Port int `help:"Port of the service on loopback; the identity provider and the portal get the next ones. 0 is any free ones." default:"8080"`
}

// Run starts a whole house in one process: the service on a temporary SQLite
// file, an identity provider and its people beside it, and a portal behind it.
func (c demoCommand) Run(p *program) (err error) {
	folder, err := os.MkdirTemp("", "idms-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)

	here, err := listenNear(p, c.Port)
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := listenNear(p, c.port(1))
	if err != nil {
		return err
	}
	defer there.Close()
	beyond, err := listenNear(p, c.port(2))
	if err != nil {
		return err
	}
	defer beyond.Close()

	cfg := config.Defaults()
	cfg.Data = folder
	cfg.Keyset = folder + "/keyset.json"
	cfg.PortalName = "Demo portal"
	cfg.Log.Level = "warn"
	cfg.SetAddress(here.Addr())
	_, portalPort, err := net.SplitHostPort(beyond.Addr().String())
	if err != nil {
		return err
	}
	// A host name of its own: cookies do not tell ports apart.
	cfg.Portals = []string{"http://portal.localhost:" + portalPort}
	cfg.TrustedProxies = []string{"127.0.0.1/32"}
	// The provider is on this machine, and its metadata may be read from its address.
	cfg.Metadata.AllowNetworks, cfg.Metadata.AllowPlainHTTP = []string{"127.0.0.0/8", "::1/128"}, true
	log := newLog(p.stderr, cfg)

	provider, err := demo.New(demo.Config{BaseURL: "http://" + config.LocalName(there.Addr().String()), ServiceURL: cfg.BaseURLs[0], Clock: p.clock})
	if err != nil {
		return err
	}
	p.newKey = provider.ServiceKey
	house, err := p.open(cfg, log)
	if err != nil {
		return err
	}
	defer house.Close()
	for _, records := range []func() ([]byte, error){provider.RecordsFile, provider.IdleRecordsFile} {
		text, err := records()
		if err != nil {
			return err
		}
		file, problems := idms.ParseFile(text, nil)
		if problems.Any() {
			return problems.Err()
		}
		if _, err := house.store.Apply(p.ctx, file, store.Author{Role: roles.Owner, Who: "demo", Reason: "the demonstration", Now: p.clock()}); err != nil {
			return err
		}
	}
	ldap, err := house.demoDirectory(p, provider)
	if err != nil {
		return err
	}
	defer ldap.Close()
	site, err := house.site(cfg, true)
	if err != nil {
		return err
	}

	idms := "http://" + here.Addr().String()
	proxy, err := demo.NewProxy(idms, portal.New(idms))
	if err != nil {
		return err
	}
	front := web.Server(proxy, log)
	go func() { _ = front.Serve(beyond) }()
	defer front.Close()

	identities := web.Server(provider, log)
	go func() { _ = identities.Serve(there) }()
	defer identities.Close()
	first, err := house.flow.FirstAddress(p.ctx)
	if err != nil {
		return err
	}
	if err := c.tell(p, cfg, provider.EntityID(), cfg.Bases()[0]+web.ChoosePath(first)); err != nil {
		return err
	}
	return house.serve(p.ctx, here, web.Server(site, log))
}

// port is the one so many after the service's, or any when that is any.
func (c demoCommand) port(after int) int {
	if c.Port == 0 {
		return 0
	}
	return c.Port + after
}

// demoDirectory starts a directory with a record of its own, and gives it a past:
// a first sync that somebody approved, a usual one, and one that is held.
func (h *house) demoDirectory(p *program, provider *demo.IdP) (*demo.Directory, error) {
	ldap, err := demo.StartDirectory()
	if err != nil {
		return nil, err
	}
	text, err := provider.DirectoryRecord(ldap)
	if err != nil {
		return nil, errors.Join(err, ldap.Close())
	}
	file, problems := idms.ParseFile(text, nil)
	if problems.Any() {
		return nil, errors.Join(problems.Err(), ldap.Close())
	}
	by := store.Author{Who: "demo", Reason: "the demonstration", Now: p.clock()}
	if _, err := h.store.Apply(p.ctx, file, by); err != nil {
		return nil, errors.Join(err, ldap.Close())
	}
	sync := h.syncer()
	sync.Log = slog.New(slog.DiscardHandler) // a held plan is no news here
	run := func(plan string) (directory.Report, error) {
		return sync.Run(p.ctx, directory.Request{Record: demo.Umbrella, Cause: directory.ByCommand, By: by, Plan: plan})
	}
	first, err := run("")
	if err == nil {
		_, err = run(first.Run.Hash)
	}
	ldap.HugoMoves()
	if err == nil {
		_, err = run("")
	}
	ldap.HalfLeaves()
	if err == nil {
		_, err = run("")
	}
	if err != nil {
		return nil, errors.Join(err, ldap.Close())
	}
	return ldap, nil
}

// listenNear listens on a loopback port, or on any free one when somebody else
// has it.
func listenNear(p *program, port int) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(p.ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		return listener, nil
	}
	other, otherErr := new(net.ListenConfig).Listen(p.ctx, "tcp", "127.0.0.1:0")
	if otherErr != nil {
		return nil, errors.Join(err, otherErr)
	}
	return other, nil
}

// tell prints where to go, who is there, and what to expect.
func (c demoCommand) tell(p *program, cfg config.Config, metadata, administer string) error {
	base := cfg.BaseURLs[0]
	var text strings.Builder
	fmt.Fprintf(&text, "\nThe demo is ready:  %s\n", base)
	fmt.Fprintf(&text, "A portal behind it:  %s\n", cfg.Portals[0])
	fmt.Fprintf(&text, "Every page's states: %s/dev/pages\n", base)
	fmt.Fprintf(&text, "Become its owner:    %s\n", administer)
	fmt.Fprintf(&text, "The provider to set up a record of your own with, by its metadata: %s\n\n", metadata)
	text.WriteString("Click \"Acme\" at either, choose one of these people at the demo identity provider, and expect:\n\n")
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, person := range demo.Cast() {
		for i, way := range person.Ways {
			name := person.Name()
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(table, "  %s\t%s\t%s\n", name, way.Button, way.Acme.Say)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&text, "\nWhoever is refused sees a reference. This explains it, in another terminal:\n\n  idms trace REFERENCE --data %s\n", cfg.Data)
	fmt.Fprintf(&text, "\nAnd this tries a record with a login that lets nobody in:\n\n  idms test-login acme --data %s --base-url %s\n", cfg.Data, base)
	fmt.Fprintf(&text, "\nUmbrella's people and groups come from a directory. What its syncs did, and the plan that is held:\n\n  idms ldap history %s --data %s\n  idms ldap history %s held --data %s\n", demo.Umbrella, cfg.Data, demo.Umbrella, cfg.Data)
	text.WriteString("\nGlobex's certificate ends in nine days, which the service warns of. Nothing is kept. Ctrl-C ends it.\n")
	_, err := fmt.Fprintln(p.stdout, text.String())
	return err
}
