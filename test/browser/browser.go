// Package browser drives a real Chromium over pages on loopback: it opens,
// fills and clicks as a person does, looks at a page at 320 pixels, in the dark
// and without JavaScript, takes screenshots, and asks axe-core what somebody who
// cannot see or use a mouse would stumble over.
//
// It owns how the browser is started and stopped and the copy of axe-core. It
// leaves finding Chromium to test/needs and what a page should say to the tests.
package browser

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"idms/test/needs"
)

// Bounds of what takes tens of milliseconds; the rest is for a machine busy with
// other tests.
const (
	startTimeout  = 2 * time.Minute  // of the browser
	actionTimeout = time.Minute      // one thing that a person does, the page's answer included
	askTimeout    = 10 * time.Second // one question to a page, which is asked again
	askAgain      = 10 * time.Millisecond
)

// Screenshots names the environment variable that holds the folder for
// screenshots. Where it is not set, none are kept.
const Screenshots = "IDMS_TEST_SCREENSHOTS"

//go:embed axe/axe.min.js
var axe string

// Browser is one tab of a Chromium with a profile of its own.
type Browser struct {
	ctx        context.Context
	scriptless bool // pages run no scripts

	mutex    sync.Mutex
	problems []string
	stays    bool          // is the answer to a page that asks before it is left
	asked    chan struct{} // it has asked, and somebody stayed
}

func newBrowser(ctx context.Context) *Browser {
	return &Browser{ctx: ctx, asked: make(chan struct{}, 1)}
}

// Start starts a browser, which ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(needs.Chromium(t)),
		chromedp.NoSandbox, // its sandbox needs rights that a container lacks; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// Nothing outside this machine is asked for: a page that tries fails, and
		// the problem shows in Problems.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost"),
		chromedp.WindowSize(1280, 900),
		chromedp.WSURLReadTimeout(startTimeout),
	})
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)

	b := newBrowser(ctx)
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	b.Dark(t, false)
	return b
}

// Tab opens another tab of the same browser. Tabs may be used at once, each by one
// goroutine; each has its own size, colours and problems.
func (b *Browser) Tab(t testing.TB) *Browser {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	t.Cleanup(closeTab)
	tab := newBrowser(ctx)
	if err := chromedp.Listen(ctx, tab.hear); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	tab.Dark(t, false)
	return tab
}

// hear collects what the browser complains about.
func (b *Browser) hear(event any) {
	var problem string
	switch event := event.(type) {
	case *page.EventJavascriptDialogOpening:
		if b.answer(); b.staying() {
			return
		}
		problem = "the page asks before it is left: " + event.URL
	case *log.EventEntryAdded:
		if event.Entry.Level != log.EntryLevelError {
			return
		}
		problem = strings.TrimSpace(event.Entry.Text + " " + event.Entry.URL)
	case *runtime.EventExceptionThrown:
		problem = event.ExceptionDetails.Text
		if event.ExceptionDetails.Exception != nil {
			problem += " " + event.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if event.Type != runtime.ConsoleAPICalledTypeError {
			return
		}
		problem = "console.error"
		for _, arg := range event.Args {
			problem += fmt.Sprintf(" %s", arg.Value)
		}
	default:
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.problems = append(b.problems, problem)
}

// answer answers the question of a page, from where nothing may wait for the browser.
func (b *Browser) answer() {
	stays := b.staying()
	go func() {
		_, err := chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: !stays})
		if stays && err == nil {
			b.asked <- struct{}{}
		}
	}()
}

func (b *Browser) staying() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.stays
}

// Problems returns, and forgets, what the browser complained about: what the
// content security policy refused, scripts that failed, resources that did not
// come, pages answered with status 400 and above, and pages that asked before they
// were left, other than by Stay: they are left all the same.
func (b *Browser) Problems() []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	problems := b.problems
	b.problems = nil
	return problems
}

// Do runs chromedp's own actions, for what the methods here do not offer.
func (b *Browser) Do(t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	run(t, b, chromedp.Steps(steps...))
}

func run[T any](t testing.TB, b *Browser, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, actionTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatalf("%v, at %s", err, b.where())
	}
	return value
}

// where tells what the tab shows, for the message of a failed test.
func (b *Browser) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	address, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "a page that does not answer"
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText.slice(0, 2000) : ""`))
	if err != nil {
		return address
	}
	return address + ", which says:\n" + text
}

// ask asks the page of the tab, and await asks it until it answers other than null.
// Between two pages nobody answers, or one that goes: that is no failure, and the
// next one is asked. Each question is one script, so that nothing is taken away
// between finding it and looking at it.
func ask[T any](ctx context.Context, script string) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script))
}

func await[T any](t testing.TB, b *Browser, what, script string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, actionTimeout)
	defer cancel()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		answer, err := ask[*T](ctx, script)
		if err == nil && answer != nil {
			return *answer
		}
		if refused, ok := errors.AsType[*chromedp.ExceptionError](err); ok {
			t.Fatalf("%s: %v", what, refused)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s (%v), at %s", what, actionTimeout, err, b.where())
		}
	}
}

// script is JavaScript in which $css and $text are strings, and visible tells
// whether an element can be seen.
func script(code, css, text string) string {
	quote := func(s string) string {
		quoted, _ := json.Marshal(s) // a string always can be
		return string(quoted)
	}
	return `(($css, $text) => {
		const visible = (e) => e && (e.offsetWidth || e.offsetHeight || e.getClientRects().length);
		const e = $css && document.querySelector($css);
		` + code + `
	})(` + quote(css) + `, ` + quote(text) + `)`
}

// arrive does what leads to another page, and returns when the tab shows the one
// that stays: it has loaded, its scripts have run, and it does not post itself on.
func (b *Browser) arrive(t testing.TB, what string, lead func()) {
	t.Helper()
	// The page that is left is known by a mark, or is shown from another place on.
	left := run(t, b, chromedp.Evaluate[string](`window.testLeft = true; location.href`))
	lead()
	posts := `document.querySelector("form[data-post-now]")`
	if b.scriptless {
		posts = "false"
	}
	await[bool](t, b, what, script(`
		const there = !window.testLeft || location.href !== $text;
		return there && document.readyState === "complete" && !`+posts+` || null;`, "", left))
}

// Open goes to an address and returns when the tab shows the page that stays: the
// one at the end of all redirects, and of pages that post themselves on.
func (b *Browser) Open(t testing.TB, address string) {
	t.Helper()
	b.arrive(t, "opening "+address, func() {
		t.Helper()
		went := command(t, b, page.Navigate, page.NavigateParams{URL: address})
		if went.ErrorText != "" {
			t.Fatalf("opening %s: %s", address, went.ErrorText)
		}
		if went.LoaderID == "" { // another part of the same page
			run(t, b, chromedp.Evaluate[chromedp.Void](`delete window.testLeft`))
		}
	})
}

// Fill puts text into a field instead of what is in it, at once as by pasting: what
// listens to the field hears of the whole text, not of parts of it.
func (b *Browser) Fill(t testing.TB, css, text string) {
	t.Helper()
	await[bool](t, b, "filling "+css, script(`
		if (!visible(e) || e.disabled || e.readOnly) return null;
		e.focus();
		e.select();
		return document.activeElement === e || null;`, css, ""))
	command(t, b, input.InsertText, input.InsertTextParams{Text: text})
	await[bool](t, b, "filling "+css+" with "+text, script(`return e && e.value === $text || null;`, css, text))
}

// Click clicks on an element with the mouse, as soon as it is visible, stands still
// and has nothing above it.
func (b *Browser) Click(t testing.TB, css string) {
	t.Helper()
	find := script(`
		if (!visible(e)) return null;
		e.scrollIntoViewIfNeeded();
		const box = [...e.getClientRects()].find((r) => r.width && r.height);
		if (!box) return null;
		const x = box.left + box.width / 2, y = box.top + box.height / 2;
		const hit = document.elementFromPoint(x, y);
		return hit && (e.contains(hit) || hit.closest("label")?.control === e) ? [x, y] : null;`, css, "")
	var at [2]float64
	for still := false; !still; {
		before := at
		at = await[[2]float64](t, b, "clicking "+css, find)
		still = at == before
	}
	for _, what := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		command(t, b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: what, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1})
	}
}

// Follow clicks what leads to another page and returns when the tab shows the one
// that stays, at the end of all redirects and of pages that post themselves on.
func (b *Browser) Follow(t testing.TB, css string) {
	t.Helper()
	b.arrive(t, "following "+css, func() {
		t.Helper()
		b.Click(t, css)
	})
}

// Stay clicks what would lead away from a page with something unsaved in it, and stays
// when the page asks. It fails the test when the page does not.
func (b *Browser) Stay(t testing.TB, css string) {
	t.Helper()
	b.answerWith(true)
	defer b.answerWith(false)
	b.Click(t, css)
	select {
	case <-b.asked:
	case <-time.After(actionTimeout):
		t.Fatalf("clicking %s: the page was left, and did not ask before; now at %s", css, b.where())
	}
}

func (b *Browser) answerWith(stay bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.stays = stay
}

// maxStops is how often Reach presses the Tab key at most.
const maxStops = 100

// Reach goes to an element with the Tab key alone, from where the focus is.
func (b *Browser) Reach(t testing.TB, css string) {
	t.Helper()
	for range maxStops {
		b.Do(t, chromedp.KeyEvent(kb.Tab))
		if run(t, b, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, css))) {
			return
		}
	}
	t.Fatalf("%s is not reached with the Tab key, at %s", css, b.where())
}

// Type types where the focus is.
func (b *Browser) Type(t testing.TB, text string) {
	t.Helper()
	b.Do(t, chromedp.KeyEvent(text))
}

// Enter presses the Enter key where the focus is, and returns as Follow does.
func (b *Browser) Enter(t testing.TB) {
	t.Helper()
	b.arrive(t, "pressing Enter", func() {
		t.Helper()
		b.Do(t, chromedp.KeyEvent(kb.Enter))
	})
}

// Value is what stands in a field.
func (b *Browser) Value(t testing.TB, css string) string {
	t.Helper()
	return run(t, b, chromedp.Value(chromedp.CSS(css)))
}

// TimeZone shows pages as to somebody whose clock is in a zone, such as Asia/Kolkata.
func (b *Browser) TimeZone(t testing.TB, zone string) {
	t.Helper()
	command(t, b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
}

// Copy clicks what copies something, and returns what was copied.
func (b *Browser) Copy(t testing.TB, css string) string {
	t.Helper()
	for _, may := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(b.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
			Permission: &cdpbrowser.PermissionDescriptor{Name: may}, Setting: cdpbrowser.PermissionSettingGranted}); err != nil {
			t.Fatalf("letting the page %s: %v", may, err)
		}
	}
	run(t, b, chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText("what was there before").then(() => {})`, chromedp.EvalAwaitPromise))
	b.Click(t, css)
	return run(t, b, chromedp.Evaluate[string](`(async () => {
		for (;;) {
			const text = await navigator.clipboard.readText();
			if (text !== "what was there before") return text;
			await new Promise(requestAnimationFrame);
		}
	})()`, chromedp.EvalAwaitPromise))
}

// See waits until an element is visible and returns its text.
func (b *Browser) See(t testing.TB, css string) string {
	t.Helper()
	return await[string](t, b, "looking for "+css, script(`return visible(e) ? e.innerText : null;`, css, ""))
}

// Says waits until an element is visible and its text contains text: what comes by
// itself, or instead of something else, is waited for by what it says.
func (b *Browser) Says(t testing.TB, css, text string) {
	t.Helper()
	await[bool](t, b, css+" does not say "+text, script(`return visible(e) && e.innerText.includes($text) || null;`, css, text))
}

// Location is the address that the tab shows.
func (b *Browser) Location(t testing.TB) string {
	t.Helper()
	return run(t, b, chromedp.Location())
}

// Size sets the size of the page's window, in CSS pixels.
func (b *Browser) Size(t testing.TB, width, height int64) {
	t.Helper()
	run(t, b, chromedp.EmulateViewport(width, height))
}

// Dark shows pages as to a person whose system asks for dark colours, or light
// ones, and for no motion: no colour is caught on its way to another one.
func (b *Browser) Dark(t testing.TB, dark bool) {
	t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	command(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// JavaScript lets pages run their scripts, or not, from the next page on.
func (b *Browser) JavaScript(t testing.TB, on bool) {
	t.Helper()
	b.scriptless = !on
	command(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// Passkeys gives the browser a device that keeps passkeys, and whose owner touches it
// and proves themselves at once whenever it is asked.
func (b *Browser) Passkeys(t testing.TB) {
	t.Helper()
	command(t, b, webauthn.Enable, webauthn.EnableParams{})
	command(t, b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
}

func command[P, R any](t testing.TB, b *Browser, command cdp.Command[P, R], params P) R {
	t.Helper()
	return run(t, b, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, command, params)
	})
}

// Cookies are the cookies that the browser would send to an address, those out
// of scripts' reach included.
func (b *Browser) Cookies(t testing.TB, address string) map[string]string {
	t.Helper()
	found := run(t, b, func(ctx context.Context, target *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	})
	list := map[string]string{}
	for _, cookie := range found.Cookies {
		list[cookie.Name] = cookie.Value
	}
	return list
}

// SidewaysScroll is by how many pixels the page is wider than its window: zero
// on a page that fits (WCAG 2.2, 1.4.10 Reflow).
func (b *Browser) SidewaysScroll(t testing.TB) int {
	t.Helper()
	return run(t, b, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
}

// Screenshot returns the whole page as PNG, and keeps it as NAME.png where the
// environment names a folder for screenshots.
func (b *Browser) Screenshot(t testing.TB, name string) []byte {
	t.Helper()
	whole := run(t, b, chromedp.FullScreenshot(100))
	if folder := os.Getenv(Screenshots); folder != "" {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+".png"), whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return whole
}

// pictureWidth is how wide pictures for the documentation are, in pixels.
const pictureWidth = 1280

// Picture keeps a part of the page for the documentation as NAME.png, where the
// environment names a folder for screenshots: at most so many pixels high, from a
// little above the element css on, or from the top when css is "". It has at most 256
// colours: pages have few, and the file is a third of the size.
func (b *Browser) Picture(t testing.TB, name, css string, height int) {
	t.Helper()
	folder := os.Getenv(Screenshots)
	if folder == "" {
		return
	}
	b.Size(t, pictureWidth, 900)
	top := 0
	if css != "" {
		top = run(t, b, chromedp.Evaluate[int](fmt.Sprintf(`Math.max(0, Math.floor(document.querySelector(%q).getBoundingClientRect().top + scrollY) - 16)`, css)))
	}
	whole, err := png.Decode(bytes.NewReader(run(t, b, chromedp.FullScreenshot(100))))
	if err != nil {
		t.Fatal(err)
	}
	part := whole.Bounds().Intersect(image.Rect(0, top, pictureWidth, top+height))
	small := image.NewPaletted(image.Rect(0, 0, part.Dx(), part.Dy()), commonColours(whole, part))
	draw.Draw(small, small.Bounds(), whole, part.Min, draw.Src)
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&file, small); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// commonColours are the 256 colours that a part of a picture has most of.
func commonColours(of image.Image, part image.Rectangle) color.Palette {
	count := map[color.Color]int{}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			count[of.At(x, y)]++
		}
	}
	colours := slices.Collect(maps.Keys(count))
	slices.SortFunc(colours, func(a, b color.Color) int {
		if order := cmp.Compare(count[b], count[a]); order != 0 {
			return order
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) // the same picture every time
	})
	return color.Palette(colours[:min(len(colours), 256)])
}

// Violation is one rule of axe-core that a page breaks.
type Violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML   string `json:"html"`
		Target []any  `json:"target"` // selectors, one for each frame on the way
	} `json:"nodes"`
}

func (v Violation) String() string {
	text := fmt.Sprintf("%s (%s): %s", v.ID, v.Impact, v.Help)
	for _, node := range v.Nodes {
		text += fmt.Sprintf("\n    %v  %s", node.Target, node.HTML)
	}
	return text
}

// Violations runs axe-core, all rules that are not experimental, over the page.
func (b *Browser) Violations(t testing.TB) []Violation {
	t.Helper()
	// Sent by the debugger, so the page's content security policy does not apply. It is
	// half a megabyte, so a page that has it gets it no second time.
	if !run(t, b, chromedp.Evaluate[bool](`!!window.axe`)) {
		run(t, b, chromedp.Evaluate[chromedp.Void](axe+";void 0"))
	}
	// Style sheets are loaded again for experimental rules alone.
	return run(t, b, chromedp.Evaluate[[]Violation](
		`axe.run(document, {resultTypes: ["violations"], preload: {assets: ["media"]}}).then(result => result.violations)`, chromedp.EvalAwaitPromise))
}

// Unfold opens all that is folded in the page: nobody, axe-core neither, sees into it before.
func (b *Browser) Unfold(t testing.TB) {
	t.Helper()
	run(t, b, chromedp.Evaluate[chromedp.Void](`for (const folded of document.querySelectorAll("details")) folded.open = true; void 0`))
}

// Readable opens a page, opens all that is folded in it, and looks at it in two views:
// narrow and light, then wide and dark, or narrow and dark, then wide and light. Which of
// the two a page gets its name says, the same every time: over many pages each is looked
// at as often. It fails the test where the page scrolls sideways and for each violation
// that axe-core finds; both views are kept as NAME-WIDTH.png where the environment names
// a folder for screenshots.
func (b *Browser) Readable(t testing.TB, address, name string) {
	t.Helper()
	darkWhenNarrow := crc32.ChecksumIEEE([]byte(name))%2 == 1
	for i, view := range []struct {
		dark          bool
		width, height int64
	}{{darkWhenNarrow, 320, 640}, {!darkWhenNarrow, 1280, 900}} {
		b.Dark(t, view.dark)
		b.Size(t, view.width, view.height)
		if i == 0 { // the other view is the same page in another window
			b.Open(t, address)
			b.Unfold(t)
		}
		if wide := b.SidewaysScroll(t); wide > 0 {
			t.Errorf("%s scrolls sideways by %d pixels at %d", name, wide, view.width)
		}
		for _, violation := range b.Violations(t) {
			t.Errorf("%s, dark %v, %d pixels: %s", name, view.dark, view.width, violation)
		}
		if os.Getenv(Screenshots) != "" {
			b.Screenshot(t, fmt.Sprintf("%s-%d", name, view.width))
		}
	}
}

// Accessible fails the test for each violation that axe-core finds on the page.
func (b *Browser) Accessible(t testing.TB) {
	t.Helper()
	for _, violation := range b.Violations(t) {
		t.Errorf("%s: %s", b.Location(t), violation)
	}
}
