package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"idms/internal/fault"
)

// M01: however many large posts come at once, and whatever they say of their
// length, the memory for them is bounded; small ones always pass.
func TestLargePostsWaitForAPlaceAndSmallOnesDoNot(t *testing.T) {
	bodies := newBodies(1, 0)
	// post reads a body of so many bytes, and runs meanwhile before it gives its
	// place back.
	post := func(size int, meanwhile func()) int {
		t.Helper()
		request := httptest.NewRequest(http.MethodPost, "/saml/acme/acs", io.NopCloser(strings.NewReader(strings.Repeat("A", size))))
		request.ContentLength = -1
		err := bodies.bound(func(c echo.Context) error {
			read, err := io.ReadAll(c.Request().Body)
			if err == nil && len(read) != size {
				t.Errorf("of %d bytes %d were read", size, len(read))
			}
			meanwhile()
			return err
		})(echo.New().NewContext(request, httptest.NewRecorder()))
		if refused, ok := errors.AsType[*echo.HTTPError](err); ok {
			return refused.Code
		} else if err != nil {
			t.Fatal(err)
		}
		return http.StatusOK
	}
	nothing := func() {}
	for range 2 { // the second time, the place was given back
		got := post(smallPost+1, func() {
			if got := post(smallPost+1, nothing); got != http.StatusServiceUnavailable {
				t.Errorf("a large post without a place: %d", got)
			}
			if got := post(smallPost-1, nothing); got != http.StatusOK {
				t.Errorf("a small post beside a large one: %d", got)
			}
		})
		if got != http.StatusOK {
			t.Errorf("a large post with a place: %d", got)
		}
	}
}

// A post that finds no place is told to come back, by status and by page.
func TestAPostWithoutAPlaceIsToldToComeBack(t *testing.T) {
	request := httptest.NewRequest(http.MethodPost, "/saml/acme/acs", strings.NewReader("SAMLResponse="+strings.Repeat("A", smallPost)))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	err := newBodies(0, 0).bound(func(c echo.Context) error {
		_, err := readPost(c, 1<<20)
		return err
	})(echo.New().NewContext(request, recorder))
	refused, ok := errors.AsType[*echo.HTTPError](err)
	if !ok || refused.Code != http.StatusServiceUnavailable || recorder.Header().Get("Retry-After") == "" {
		t.Errorf("%v, %v", err, recorder.Header())
	}
	if words[http.StatusServiceUnavailable].heading == "" {
		t.Error("there is no page for it")
	}
}

// Administrators' forms are larger than responses, and each is read into memory whole.
func TestAFormWithoutAPlaceIsToldToComeBack(t *testing.T) {
	boundary := "--b\r\nContent-Disposition: form-data; name=\"icon\"; filename=\"a\"\r\n\r\n"
	for kind, body := range map[string]string{"application/x-www-form-urlencoded": "name=", "multipart/form-data; boundary=b": boundary} {
		request := httptest.NewRequest(http.MethodPost, "/admin/records/acme/edit", strings.NewReader(body+strings.Repeat("A", smallPost)))
		request.Header.Set("Content-Type", kind)
		err := newBodies(0, 0).bound(func(c echo.Context) error {
			_, err := posted(c, maxForm)
			return err
		})(echo.New().NewContext(request, httptest.NewRecorder()))
		if refused, ok := errors.AsType[*echo.HTTPError](err); !ok || refused.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %v", kind, err)
		}
		request = httptest.NewRequest(http.MethodPost, "/admin/settings", strings.NewReader(body+strings.Repeat("A", smallPost)))
		request.Header.Set("Content-Type", kind)
		_, err = posted(echo.New().NewContext(request, httptest.NewRecorder()), smallPost)
		if refused, ok := errors.AsType[*echo.HTTPError](err); !ok || refused.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s, too large: %v", kind, err)
		}
	}
}

// What is tried and pasted costs no more than its size: not with every name another
// one, and not with every line a wrong one.
func TestWhatIsPastedIsBoundedInWhatItCosts(t *testing.T) {
	var lines strings.Builder
	for i := range maxPastedNames {
		fmt.Fprintf(&lines, "name%d=a\nname%d=b\n", i, i)
	}
	assertion, err := parsePasted(lines.String())
	if err != nil || len(assertion.Attributes) != maxPastedNames || len(assertion.Attributes[7].Values) != 2 {
		t.Errorf("%d attributes: %v", len(assertion.Attributes), err)
	}
	if _, err := parsePasted(lines.String() + "one=more"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one more attribute: %v", err)
	}
	added, problems := bulkRules{List: validationRules, Attribute: "groups", Lines: strings.Repeat("(\n", 20) + "good\n("}.rules()
	if len(problems) != 20 || len(added) != 0 {
		t.Errorf("after twenty wrong lines: %d problems, and %d rules", len(problems), len(added))
	}
}
