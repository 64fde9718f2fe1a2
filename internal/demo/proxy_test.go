package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// behind is a proxy before a portal that repeats what it is told, and an idms that
// answers each question in the same way.
func behind(t *testing.T, answer http.HandlerFunc) *Proxy {
	t.Helper()
	idms := httptest.NewServer(answer)
	t.Cleanup(idms.Close)
	proxy, err := NewProxy(idms.URL, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			_, _ = io.WriteString(w, name+"="+strings.Join(values, ",")+"\n")
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	return proxy
}

func asked(p *Proxy, path string, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "http://portal.localhost:8082"+path, nil)
	request.Header = header
	w := httptest.NewRecorder()
	p.ServeHTTP(w, request)
	return w
}

func TestTheProxyLetsNothingThroughThatAVisitorMadeUp(t *testing.T) {
	p := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/forward-auth" || r.Header.Get("X-Forwarded-Host") != "portal.localhost:8082" || r.Header.Get("X-Forwarded-Uri") != "/there?x=1" ||
			r.Header.Get("X-Forwarded-Proto") != "http" || r.Header.Get("X-Forwarded-Method") != "GET" || r.Header.Get("Cookie") != "a=b" || r.Header.Get("X-Idms-User") != "" {
			t.Errorf("idms is asked %s with %v", r.URL, r.Header)
		}
		w.Header().Set("X-Idms-User", "ada")
		w.Header().Set("X-Idms-Groups", "")
		w.WriteHeader(http.StatusNoContent)
	})
	w := asked(p, "/there?x=1", http.Header{
		"Cookie": {"a=b"}, "X-Idms-User": {"root"}, "X_idms_user": {"root"}, "x-iDMS_Console": {"root"}, "X-Idms-Extra": {"root"},
		"X-Forwarded-Host": {"evil.test"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Uri": {"/.idms/"}, "X-Other": {"kept"},
	})
	if body := w.Body.String(); strings.Contains(body, "root") || !strings.Contains(body, "X-Idms-User=ada\n") || !strings.Contains(body, "X-Other=kept\n") {
		t.Errorf("the portal is told\n%s", body)
	}
}

func TestTheProxySendsWhoIsNotLoggedInWhereIdmsSays(t *testing.T) {
	p := behind(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://portal.localhost:8082/.idms/start?return_to=%2F", http.StatusFound)
	})
	if w := asked(p, "/", http.Header{"X-Idms-User": {"root"}}); w.Code != http.StatusFound || !strings.HasSuffix(w.Header().Get("Location"), "/.idms/start?return_to=%2F") {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	if w := asked(p, "/.idms/start", http.Header{"X-Forwarded-Host": {"evil.test"}}); w.Code != http.StatusFound {
		t.Errorf("what is for idms alone: %d", w.Code)
	}
}

func TestWithoutIdmsNobodyGetsToThePortal(t *testing.T) {
	p := behind(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if w := asked(p, "/", http.Header{"X-Idms-User": {"root"}}); w.Code != http.StatusBadGateway || strings.Contains(w.Body.String(), "root") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}
