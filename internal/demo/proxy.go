package demo

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// Proxy stands before the demo's portal on a host name of its own, and does what
// docs/how-to/nginx.md tells a proxy to do and no more: it passes what is below
// /.idms/ on to idms, asks idms about everything else, and lets nothing through
// that a visitor has made up.
type Proxy struct {
	idms   *url.URL
	portal http.Handler
	pass   *httputil.ReverseProxy
	client *http.Client
}

// NewProxy stands before portal. idms is where this machine reaches idms, for
// example http://127.0.0.1:8080; the proxy's address must be among its
// trusted_proxies.
func NewProxy(idms string, portal http.Handler) (*Proxy, error) {
	at, err := url.Parse(idms)
	if err != nil {
		return nil, err
	}
	p := &Proxy{idms: at, portal: portal}
	p.pass = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		forward(r.Out.Header, r.In)
		r.Out.Host = r.In.Host
	}}
	p.client = &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p, nil
}

// forward says to idms whose request it is, in place of whatever a visitor said.
func forward(header http.Header, of *http.Request) {
	address, _, err := net.SplitHostPort(of.RemoteAddr)
	if err != nil {
		address = "" // net/http sets no other form
	}
	for name, value := range map[string]string{
		"X-Forwarded-Host": of.Host, "X-Forwarded-Proto": "http", "X-Forwarded-For": address,
		"X-Forwarded-Uri": of.URL.RequestURI(), "X-Forwarded-Method": of.Method,
	} {
		header.Set(name, value)
	}
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/.idms/") {
		p.pass.ServeHTTP(w, r)
		return
	}
	answer, err := p.ask(r)
	if err != nil {
		http.Error(w, "idms did not answer", http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 { // to the login, or why not
		for _, name := range []string{"Location", "Content-Type", "Cache-Control", "Vary", "Www-Authenticate"} {
			w.Header()[name] = answer.Header[name]
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
		return
	}
	inner := r.Clone(r.Context())
	strip(inner.Header)
	for name, values := range answer.Header {
		if saysWho(name) {
			inner.Header[name] = values
		}
	}
	p.portal.ServeHTTP(w, inner)
}

// ask asks idms about one request, without its body.
func (p *Proxy) ask(r *http.Request) (*http.Response, error) {
	question, err := http.NewRequestWithContext(r.Context(), http.MethodGet, p.idms.JoinPath("/forward-auth").String(), nil)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Cookie", "Sec-Fetch-Mode"} { // all that idms reads of it
		question.Header[name] = r.Header[name]
	}
	forward(question.Header, r)
	return p.client.Do(question)
}

// strip takes away what only idms may say, in every spelling that some server
// takes for it.
func strip(header http.Header) {
	for name := range header {
		if saysWho(name) {
			delete(header, name)
		}
	}
}

func saysWho(name string) bool {
	return strings.HasPrefix(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "x-idms-")
}
