// Package portal is the smallest portal behind idms: it shows who the proxy says
// is there, and asks idms whether that session may open a cloud console. Copy
// from it. It leaves logging in to idms and every header to the proxy
// (nginx.conf or Caddyfile beside it): it must be reached through that alone. The
// command in serve starts it; idms demo shows it with a proxy of its own.
package portal

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Example portal</title>
<h1>Hello, {{.User}}</h1>
<table>{{range $name, $values := .Headers}}<tr><th>{{$name}}<td id="{{$name}}">{{range $values}}{{.}}{{end}}{{end}}</table>
<p><a id="console" href="/console">Open a cloud console</a>
<form method="post" action="/.idms/logout"><button id="logout">Log out</button></form>
`))

// console is what a portal would open. Who elevated for it can give that up.
const console = `<!doctype html><html lang="en"><title>Example portal</title>
<h1>The console is open</h1>
<form method="post" action="/.idms/elevate/end?return_to=%2F"><button id="end">End an elevation now</button></form>
<p><a href="/">Back</a>
`

// New is the portal's back end; idms is where this machine reaches idms, for
// example http://127.0.0.1:8080.
func New(idms string) http.Handler {
	mux := http.NewServeMux()
	client := &http.Client{Timeout: 10 * time.Second}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		user, err := url.PathUnescape(r.Header.Get("X-Idms-User")) // UTF-8, percent-encoded
		if err != nil || user == "" {
			http.Error(w, "this request did not come through the proxy", http.StatusForbidden)
			return
		}
		headers := map[string][]string{}
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Idms") || strings.HasPrefix(name, "X_idms") {
				headers[name] = values
			}
		}
		_ = page.Execute(w, struct {
			User    string
			Headers map[string][]string
		}{user, headers})
	})

	// A console is worth asking anew: elevation ends in the middle of a session.
	mux.HandleFunc("/console", func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, idms+"/api/v1/session/console?return_to=/console", nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		ask.Header["Cookie"] = r.Header["Cookie"] // as the browser sent it
		answer, err := client.Do(ask)
		if err != nil {
			http.Error(w, "idms did not answer", http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		var problem struct {
			Detail     string `json:"detail"`
			ElevateURL string `json:"elevate_url"`
		}
		switch answer.StatusCode {
		case http.StatusNoContent:
			_, _ = w.Write([]byte(console))
		case http.StatusForbidden:
			if json.NewDecoder(answer.Body).Decode(&problem) == nil && problem.ElevateURL != "" {
				http.Redirect(w, r, problem.ElevateURL, http.StatusSeeOther)
				return
			}
			http.Error(w, problem.Detail, http.StatusForbidden)
		default:
			http.Error(w, "idms said "+answer.Status, http.StatusBadGateway)
		}
	})
	return mux
}
