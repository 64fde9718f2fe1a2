package web

import (
	"net"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
)

// origin is one of the configured public addresses of this service.
type origin struct {
	base   string // scheme://host[:port]
	secure bool   // https: decides the cookies' names and flags
}

// origins finds an origin by the host that a request names.
type origins map[string]origin

// parseOrigins reads the addresses of a setting.
func parseOrigins(setting string, baseURLs []string) (origins, error) {
	if len(baseURLs) == 0 {
		return nil, fault.New(fault.Invalid, "%s: give at least one public address of this service", setting)
	}
	list := make(origins, len(baseURLs))
	for _, base := range baseURLs {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fault.New(fault.Invalid, "%s: %q is not scheme://host[:port] without a path", setting, base)
		}
		host := canonicalHost(u.Host, u.Scheme)
		if _, twice := list[host]; twice {
			return nil, fault.New(fault.Invalid, "%s: two addresses have the host %s; a request could not be told from the other", setting, host)
		}
		list[host] = origin{base: base, secure: u.Scheme == "https"}
	}
	return list, nil
}

// find is the origin that a request's Host header names. The header only picks
// among what is configured; nothing of it is ever written into a page, a cookie
// or a message.
func (o origins) find(host string) (origin, bool) {
	if len(host) > 255+len(":65535") {
		return origin{}, false
	}
	for _, scheme := range [...]string{"", "https", "http"} {
		found, ok := o[canonicalHost(host, scheme)]
		if ok && (scheme == "" || found.secure == (scheme == "https")) {
			return found, true
		}
	}
	return origin{}, false
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// canonicalHost writes a host as browsers do: in lower case, without the port
// that its scheme implies.
func canonicalHost(host, scheme string) string {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil && port == defaultPorts[scheme] {
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return host
}

const originKey = "origin"

// here is the origin that this request arrived at; locate has seen to it that
// there is one.
func here(c echo.Context) origin {
	found, _ := c.Get(originKey).(origin)
	return found
}
