// Package config owns the settings of the process: where it listens, under
// which addresses people reach it, where it keeps what it knows, and how long.
// Flags win over the environment, the environment over the file, the file over
// the defaults. It leaves what a login decides to the records.
package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"

	"idms/internal/fault"
)

// Config is every setting of the process. Each has one name, the same in the
// file (`session.idle`), in the environment (`IDMS_SESSION__IDLE`) and, where
// there is one, as a flag.
type Config struct {
	Listen         string   `koanf:"listen"`          // host:port
	BaseURLs       []string `koanf:"base_urls"`       // public, scheme://host[:port]; none is localhost at the port of Listen; the first is the default origin of records
	Data           string   `koanf:"data"`            // folder: the SQLite file and the keyset
	Database       string   `koanf:"database"`        // postgres://…; "" is SQLite in Data
	Keyset         string   `koanf:"keyset"`          // file; "" is keyset.json in Data
	KeysetText     string   `koanf:"keyset_text"`     // the keyset itself instead of a file: for a secret that comes by environment
	PortalName     string   `koanf:"portal_name"`     // what the login page calls the portal
	Portals        []string `koanf:"portals"`         // origins of portals on hosts of their own, scheme://host[:port]
	TrustedProxies []string `koanf:"trusted_proxies"` // CIDR; only their X-Forwarded headers count
	AllowPlainHTTP bool     `koanf:"allow_plain_http"`

	Session struct {
		Length    time.Duration `koanf:"length"`    // 1m to 30d
		Idle      time.Duration `koanf:"idle"`      // 0 is no idle end
		Elevation time.Duration `koanf:"elevation"` // how long Full Access lasts after elevating
		Pending   time.Duration `koanf:"pending"`   // how long a login may take at the provider
	} `koanf:"session"`

	Limits struct {
		Message         int `koanf:"message"`           // bytes of a decoded SAML message
		Verifications   int `koanf:"verifications"`     // at once; 0 is twice the processors
		LoginsPerSecond int `koanf:"logins_per_second"` // that one client address may begin or post, in the long run
		LoginsBurst     int `koanf:"logins_burst"`      // that it may begin or post at once
	} `koanf:"limits"`

	Retention struct {
		Traces     time.Duration `koanf:"traces"`
		Unverified int           `koanf:"unverified"` // traces of responses that could not be verified, at most
		Audit      time.Duration `koanf:"audit"`
		Assertions time.Duration `koanf:"assertions"`  // the last one of each person; 0 records none
		PurgeEvery time.Duration `koanf:"purge_every"` // 1m to 24h
	} `koanf:"retention"`

	Metadata struct {
		AllowNetworks  []string      `koanf:"allow_networks"`   // CIDR; private ones that metadata may be read from
		AllowPlainHTTP bool          `koanf:"allow_plain_http"` // metadata may be read over http://
		KeepUsed       time.Duration `koanf:"keep_used"`        // how long a certificate that signed a login outlives its metadata
	} `koanf:"metadata"`

	Metrics struct {
		Listen string `koanf:"listen"` // host:port of /metrics; "" is none
	} `koanf:"metrics"`

	Mail Mail `koanf:"mail"`

	Log struct {
		Level  string `koanf:"level"`  // debug, info, warn, error
		Format string `koanf:"format"` // text, json
	} `koanf:"log"`

	// Given says of each setting that is not left at its default who sets it: "a
	// flag", "the environment" or "the configuration file".
	Given map[string]string `koanf:"-"`
}

// Mail is the server that takes letters to people. Without a host there is none.
type Mail struct {
	Host         string `koanf:"host"`
	Port         int    `koanf:"port"` // 0 is 587, and 465 where TLS is implicit
	TLS          string `koanf:"tls"`  // starttls, implicit; none on loopback alone
	Username     string `koanf:"username"`
	Password     string `koanf:"password"`
	PasswordFile string `koanf:"password_file"` // instead of Password; read at the start
	From         string `koanf:"from"`          // address, or Name <address>
	CAFile       string `koanf:"ca_file"`       // PEM: who signs the server's certificate, beside the system's
}

const day = 24 * time.Hour

// Defaults are the settings of `idms serve` with no configuration at all.
func Defaults() Config {
	var c Config
	c.Listen = "127.0.0.1:8080"
	c.Data = "idms-data"
	c.PortalName = "Cloud portal"
	c.Session.Length = 12 * time.Hour
	c.Session.Idle = 2 * time.Hour
	c.Session.Elevation = time.Hour
	c.Session.Pending = 10 * time.Minute
	c.Limits.Message = 2 << 20
	c.Limits.LoginsPerSecond = 20
	c.Limits.LoginsBurst = 200
	c.Retention.Traces = 90 * day
	c.Retention.Unverified = 10_000
	c.Retention.Audit = 400 * day
	c.Retention.Assertions = 30 * day
	c.Retention.PurgeEvery = 15 * time.Minute
	c.Metadata.KeepUsed = 7 * day
	c.Mail.TLS = "starttls"
	c.Log.Level = "info"
	c.Log.Format = "text"
	return c
}

const maxFile = 1 << 20

// Load reads the settings: file ("" is none), environment (os.Environ) and
// flags (by the names of the file) over the defaults, and checks them.
func Load(file string, environ []string, flags map[string]any) (Config, error) {
	c := Defaults()
	k := koanf.New(".")
	if file != "" {
		text, err := readFile(file)
		if err != nil {
			return c, err
		}
		if err := k.Load(rawbytes.Provider(text), yaml.Parser()); err != nil {
			return c, fault.New(fault.Invalid, "%s is not YAML: %v", file, err)
		}
	}
	given := map[string]string{}
	note := func(names []string, by string) {
		for _, name := range names {
			given[name] = by
		}
	}
	note(k.Keys(), "the configuration file")
	fromEnvironment := env.Provider(".", env.Opt{
		Prefix:      "IDMS_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			name = strings.ToLower(strings.TrimPrefix(name, "IDMS_"))
			if strings.HasPrefix(name, "test_") {
				return "", nil // what the tests of this repository look at
			}
			if kubernetes.MatchString(name) {
				return "", nil
			}
			return strings.ReplaceAll(name, "__", "."), value
		},
	})
	environment := koanf.New(".")
	if err := environment.Load(fromEnvironment, nil); err != nil {
		return c, fault.Hide(err, fault.Invalid, "The environment could not be read.")
	}
	note(environment.Keys(), "the environment")
	if err := k.Merge(environment); err != nil {
		return c, fault.Hide(err, fault.Invalid, "The environment could not be read.")
	}
	if err := k.Load(confmap.Provider(flags, "."), nil); err != nil {
		return c, fault.Hide(err, fault.Invalid, "The flags could not be read.")
	}
	note(slices.Collect(maps.Keys(flags)), "a flag")

	// A misspelt setting must not be a setting silently left alone.
	if problems := unknown(k.Keys()); problems.Any() {
		return c, problems.Err()
	}
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result:           &c,
		TagName:          "koanf",
		ErrorUnused:      true,
		WeaklyTypedInput: true, // the environment has only strings
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			duration,
			mapstructure.StringToSliceHookFunc(","),
		),
	}})
	if err != nil {
		return c, fault.New(fault.Invalid, "a setting has the wrong form (docs/reference/configuration.md lists them): %s",
			strings.TrimPrefix(err.Error(), "decoding failed due to the following error(s):\n\n"))
	}
	if !k.Exists("session.idle") {
		c.Session.Idle = min(c.Session.Idle, c.Session.Length)
	}
	c.Given = given
	if c.Mail.PasswordFile != "" {
		if err := c.Mail.readPassword(); err != nil {
			return c, err
		}
	}
	if c.Keyset == "" {
		c.Keyset = filepath.Join(c.Data, "keyset.json")
	}
	return c, c.Check().Err()
}

// kubernetes is what a Service named idms puts into the environment of every pod
// beside it, after IDMS_. None of it is meant for us.
var kubernetes = regexp.MustCompile(`^(service_host|service_port(_.*)?|port(_\d+_.*)?)$`)

// unknown finds the names that are no settings.
func unknown(names []string) fault.Problems {
	var problems fault.Problems
	known := settings(reflect.TypeFor[Config](), "")
	for _, name := range names {
		if !slices.Contains(known, name) {
			problems.Add(name, "there is no such setting (docs/reference/configuration.md lists them)")
		}
	}
	return problems
}

// settings are the names of all settings, as docs/reference/configuration.md
// has them.
func settings(of reflect.Type, under string) []string {
	var names []string
	for field := range of.Fields() {
		if field.Tag.Get("koanf") == "-" {
			continue
		}
		name := fault.Join(under, field.Tag.Get("koanf"))
		if field.Type.Kind() == reflect.Struct {
			names = append(names, settings(field.Type, name)...)
			continue
		}
		names = append(names, name)
	}
	return names
}

// duration reads a time with its unit. A number without one is refused: it
// would count nanoseconds.
func duration(from, to reflect.Type, value any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() || from == to {
		return value, nil
	}
	parsed, err := time.ParseDuration(fmt.Sprint(value)) // 0 needs no unit
	if err != nil {
		return nil, fmt.Errorf("needs a time with its unit such as 90s, 15m or 12h, and is %v", value)
	}
	return parsed, nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the configuration file cannot be read: %v", err)
	}
	if info.Size() > maxFile {
		return nil, fault.New(fault.Invalid, "the configuration file %s is over %d bytes", name, maxFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the configuration file cannot be read: %v", err)
	}
	return text, nil
}

// SetAddress gives a configuration without a public address the one that a
// browser on this machine uses, once it is known where the process listens.
func (c *Config) SetAddress(address net.Addr) {
	c.Listen = address.String()
	c.BaseURLs = c.Bases()
}

// Bases are the public addresses; without configured ones, this machine's own.
func (c Config) Bases() []string {
	if len(c.BaseURLs) > 0 {
		return c.BaseURLs
	}
	return []string{"http://" + LocalName(c.Listen)}
}

// LocalName is how a browser on this machine reaches an address: localhost when
// it is loopback, or everywhere. The port of http is left out, as browsers do.
func LocalName(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	if port == "80" && !strings.Contains(host, ":") {
		return host
	}
	return net.JoinHostPort(host, port)
}

// Check finds every setting that cannot be obeyed.
func (c Config) Check() fault.Problems {
	var problems fault.Problems
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		problems.Add("listen", "write host:port, for example 127.0.0.1:8080")
	}
	for _, base := range c.BaseURLs {
		c.checkOrigin(&problems, "base_urls", base)
	}
	c.checkPortals(&problems)
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		problems.Add("database", "write a postgres:// URL, or leave it empty for SQLite")
	}
	for _, cidr := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			problems.Add("trusted_proxies", "%q is not a network such as 10.0.0.0/8", cidr)
		}
	}
	checkPortalName(&problems, c.PortalName)
	between(&problems, "session.length", c.Session.Length, time.Minute, 30*day)
	if c.Session.Idle != 0 {
		between(&problems, "session.idle", c.Session.Idle, time.Minute, c.Session.Length)
	}
	between(&problems, "session.elevation", c.Session.Elevation, time.Minute, 30*day)
	between(&problems, "session.pending", c.Session.Pending, time.Minute, time.Hour)
	between(&problems, "limits.message", c.Limits.Message, 64<<10, 16<<20)
	between(&problems, "limits.verifications", c.Limits.Verifications, 0, 1024)
	between(&problems, "limits.logins_per_second", c.Limits.LoginsPerSecond, 1, 1_000_000)
	between(&problems, "limits.logins_burst", c.Limits.LoginsBurst, 1, 1_000_000)
	between(&problems, "retention.traces", c.Retention.Traces, time.Hour, 3660*day)
	between(&problems, "retention.unverified", c.Retention.Unverified, 0, 1_000_000)
	between(&problems, "retention.audit", c.Retention.Audit, day, 3660*day)
	if c.Retention.Assertions != 0 {
		between(&problems, "retention.assertions", c.Retention.Assertions, time.Hour, 3660*day)
	}
	between(&problems, "retention.purge_every", c.Retention.PurgeEvery, time.Minute, day)
	for _, cidr := range c.Metadata.AllowNetworks {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			problems.Add("metadata.allow_networks", "%q is not a network such as 10.0.0.0/8", cidr)
		}
	}
	between(&problems, "metadata.keep_used", c.Metadata.KeepUsed, 0, 90*day)
	if c.Metrics.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Metrics.Listen); err != nil {
			problems.Add("metrics.listen", "write host:port, for example 127.0.0.1:9464")
		}
	}
	c.Mail.check(&problems)
	oneOf(&problems, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(&problems, "log.format", c.Log.Format, "text", "json")
	return problems
}

// checkPortals sees to it that a portal can be told from everything else. Cookies
// do not tell ports apart (RFC 6265 8.5), so each portal needs a host name of its
// own.
func (c Config) checkPortals(problems *fault.Problems) {
	taken := map[string]string{}
	for _, base := range c.Bases() {
		if u, err := url.Parse(base); err == nil {
			taken[strings.ToLower(u.Hostname())] = base
		}
	}
	for _, portal := range c.Portals {
		if !c.checkOrigin(problems, "portals", portal) {
			continue
		}
		u, _ := url.Parse(portal) // checkOrigin has parsed it
		host := strings.ToLower(u.Hostname())
		if other, twice := taken[host]; twice {
			problems.Add("portals", "%s has the host name of %s; a portal needs one of its own, since cookies do not tell ports apart", portal, other)
		}
		taken[host] = portal
	}
	if len(c.Portals) > 0 && len(c.TrustedProxies) == 0 {
		problems.Add("trusted_proxies", "name the network of the portals' proxy: what it asks is believed from there alone")
	}
}

func (c Config) checkOrigin(problems *fault.Problems, field, address string) (ok bool) {
	if err := CheckBase(address); err != nil {
		problems.Add(field, "%v", err)
		return false
	}
	if u, _ := url.Parse(address); u.Scheme == "http" && !c.AllowPlainHTTP && !loopback(u.Hostname()) {
		problems.Add(field, "%s would send session cookies in the clear; use https, or say allow_plain_http when you know what you do", address)
		return false
	}
	return true
}

// CheckBase says what is wrong with the form of a public address.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is not scheme://host[:port] without a path", base)
	}
	// Providers compare the addresses made of it letter by letter.
	if port := map[string]string{"https": "443", "http": "80"}[u.Scheme]; strings.ToLower(u.Host) != u.Host || u.Port() == port {
		return fmt.Errorf("%s: write the host in small letters, and leave out the port %s", base, port)
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func between[T int | time.Duration](problems *fault.Problems, field string, value, low, high T) {
	if value < low || value > high {
		problems.Add(field, "must be between %v and %v, and is %v", low, high, value)
	}
}

func oneOf(problems *fault.Problems, field, value string, words ...string) {
	for _, word := range words {
		if value == word {
			return
		}
	}
	problems.Add(field, "must be one of %s", strings.Join(words, ", "))
}

// Proxies are the trusted proxies, parsed. Check has seen them.
func (c Config) Proxies() []netip.Prefix { return networks(c.TrustedProxies) }

// MetadataNetworks are the private networks that metadata may be read from,
// parsed. Check has seen them.
func (c Config) MetadataNetworks() []netip.Prefix { return networks(c.Metadata.AllowNetworks) }

func networks(cidrs []string) []netip.Prefix {
	var list []netip.Prefix
	for _, cidr := range cidrs {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			list = append(list, prefix)
		}
	}
	return list
}
