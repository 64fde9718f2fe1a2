package web_test

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// What people do with the forms of a page, as a browser without scripts does it.

// fields are what a browser would send of a form.
func fields(form *goquery.Selection) url.Values {
	values := url.Values{}
	form.Find("input, select, textarea").Each(func(_ int, one *goquery.Selection) {
		name := one.AttrOr("name", "")
		_, checked := one.Attr("checked")
		switch kind := one.AttrOr("type", ""); {
		case name == "" || kind == "file":
		case goquery.NodeName(one) == "select":
			chosen := one.Find("option[selected]")
			if chosen.Length() == 0 {
				chosen = one.Find("option")
			}
			values.Add(name, chosen.First().AttrOr("value", ""))
		case goquery.NodeName(one) == "textarea":
			values.Add(name, one.Text())
		case (kind == "checkbox" || kind == "radio") && !checked:
		default:
			values.Add(name, one.AttrOr("value", ""))
		}
	})
	return values
}

// over types some fields of a form over; "-" unticks a box.
func over(values, typed url.Values) url.Values {
	for name, value := range typed {
		values[name] = value
		if len(value) == 1 && value[0] == "-" {
			delete(values, name)
		}
	}
	return values
}

// submit uses a button of a form, as a browser without scripts would.
func (p *person) submit(t *testing.T, form *goquery.Selection, button string) {
	t.Helper()
	if form.Length() != 1 {
		t.Fatalf("%s: %d forms, want 1:\n%s", p.at, form.Length(), p.text)
	}
	values := fields(form)
	if used := form.Find(`button[value="` + button + `"]`); used.Length() == 1 {
		values.Add(used.AttrOr("name", ""), button)
	}
	p.post(t, form.AttrOr("action", ""), values)
}

// submitTyped is submit with some fields typed over.
func (p *person) submitTyped(t *testing.T, form *goquery.Selection, typed url.Values) {
	t.Helper()
	p.post(t, form.AttrOr("action", ""), over(fields(form), typed))
}

// submitWith types into one field of a form that asks by GET.
func (p *person) submitWith(t *testing.T, css, field, value string) {
	t.Helper()
	form := p.page.Find(css)
	if form.Length() != 1 || form.AttrOr("method", "") != "get" {
		t.Fatalf("%s: no such form: %s", p.at, css)
	}
	p.open(t, form.AttrOr("action", "")+"?"+url.Values{field: {value}}.Encode())
}

// press uses a button of a form with some fields typed over.
func (p *person) press(t *testing.T, form, do string, typed url.Values) {
	t.Helper()
	found := p.page.Find(form)
	if found.Length() != 1 {
		t.Fatalf("%s: %d forms %s, want 1:\n%s", p.at, found.Length(), form, said(p))
	}
	values := over(fields(found), typed)
	if do != "" {
		if found.Find(`button[name="do"][value="`+do+`"]:not(.unseen)`).Length() != 1 {
			t.Fatalf("%s: there is no button %s:\n%s", p.at, do, said(p))
		}
		values.Set("do", do)
	}
	p.post(t, found.AttrOr("action", ""), values)
}

// pressAt submits the form at an address, with some fields typed over.
func (p *person) pressAt(t *testing.T, action string, typed url.Values) {
	t.Helper()
	form := p.page.Find(`form[method="post"][action="` + action + `"]`).First()
	if form.Length() == 0 {
		t.Fatalf("%s: no form for %s:\n%s", p.at, action, p.text)
	}
	p.post(t, action, over(fields(form), typed))
}

// pressButton posts the form of the first button with this text.
func (p *person) pressButton(t *testing.T, text string, more url.Values) {
	t.Helper()
	button := p.page.Find(`main button:contains("` + text + `")`).First()
	form := button.Closest("form")
	if form.Length() != 1 {
		t.Fatalf("%s: there is no button %q:\n%s", p.at, text, p.text)
	}
	values := fields(form)
	if name := button.AttrOr("name", ""); name != "" {
		values.Set(name, button.AttrOr("value", ""))
	}
	p.post(t, form.AttrOr("action", ""), over(values, more))
}

// push posts the one form that goes to an address ending so.
func (p *person) push(t *testing.T, ending string) {
	t.Helper()
	p.submit(t, p.page.Find(`form[action$="`+ending+`"]`), "")
}

// fill sends a form as a browser does, with some fields typed over, some files
// chosen, and the button that says so.
func (p *person) fill(t *testing.T, css string, typed url.Values, files map[string][]byte) {
	t.Helper()
	form := p.page.Find(css)
	if form.Length() != 1 {
		t.Fatalf("%s: %d forms for %s, want 1:\n%s", p.at, form.Length(), css, p.text)
	}
	values := fields(form)
	for name := range values {
		values.Set(name, strings.ReplaceAll(values.Get(name), "\n", "\r\n"))
	}
	over(values, typed)
	if form.AttrOr("enctype", "") != "multipart/form-data" {
		p.post(t, form.AttrOr("action", ""), values)
		return
	}
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for name := range values {
		check(t, parts.WriteField(name, values.Get(name)))
	}
	form.Find(`input[type="file"]`).Each(func(_ int, field *goquery.Selection) {
		name, file := field.AttrOr("name", ""), ""
		if files[name] != nil {
			file = "a \"file\".png"
		}
		part, err := parts.CreateFormFile(name, file) // browsers send the empty choice too
		check(t, err)
		_, err = part.Write(files[name])
		check(t, err)
	})
	check(t, parts.Close())
	p.cookies = nil
	response, err := p.Post(p.absolute(form.AttrOr("action", "")), parts.FormDataContentType(), &body)
	p.show(t, response, err)
}
