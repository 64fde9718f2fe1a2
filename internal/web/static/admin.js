// What administrators' pages do more quickly where scripts run. Everything here has
// another way: values can be selected, times are in UTC, forms are sent whole.
"use strict";

// Copy buttons stay hidden where they could not work: <button hidden data-copy="id">.
function offerCopies() {
  for (const button of document.querySelectorAll("button[data-copy][hidden]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const label = button.textContent;
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
}

// The reader's own zone, behind UTC: as text, so that it is there for keyboards, fingers
// and screen readers too. Who lives by UTC sees it once.
function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
    time.dataset.local = "yes";
    const at = new Date(time.dateTime), ahead = -at.getTimezoneOffset(); // in minutes
    if (!ahead || isNaN(at)) continue;
    const [date, clock] = new Date(at.getTime() + ahead * 60000).toISOString().slice(0, 19).split("T");
    const minutes = Math.abs(ahead) % 60;
    const zone = `UTC${ahead < 0 ? "−" : "+"}${Math.floor(Math.abs(ahead) / 60)}${minutes ? ":" + String(minutes).padStart(2, "0") : ""}`;
    const local = document.createElement("small");
    local.className = "local";
    local.textContent = `${time.textContent.includes(date) ? "" : date + " "}${clock} ${zone}`;
    time.after(" ", local);
  }
}

// What is typed in UTC, in words and as the reader's clock will show it.
for (const input of document.querySelectorAll("input[data-utc]")) {
  const words = document.getElementById(input.dataset.utc);
  const at = (instant, zone) => instant.toLocaleString("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: zone });
  const say = () => {
    const instant = new Date(input.value + "Z");
    words.hidden = isNaN(instant);
    if (!words.hidden) words.textContent = `That is ${at(instant, "UTC")} in UTC, and ${at(instant)} on your clock.`;
  };
  input.addEventListener("input", say);
  say();
}

// A key is suggested from a name until somebody types one: the server does the same
// with a key that is left empty.
const named = document.getElementById("f-name"), keyed = document.querySelector('form[action="/admin/set-up"] #f-key');
if (named && keyed) {
  named.addEventListener("input", () => {
    if (keyed.dataset.typed) return;
    const plain = named.value.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
    keyed.value = plain.replace(/[^a-z0-9]+/g, "-").slice(0, 60).replace(/^-+|-+$/g, "");
  });
  keyed.addEventListener("input", () => { keyed.dataset.typed = keyed.value; });
}

// What was typed asks before it is lost. A form with data-keep does once somebody has
// typed into it; one with data-unsaved, and one that came back for something in it, has
// brought along what was typed before. A page may hold the latter more than once: as
// what is saved, and as what is edited further.
const typed = new Set(), brought = new Set(document.querySelectorAll(
  "form[data-unsaved], form[data-keep]:has([aria-invalid]), [data-unsaved]:not(form) ~ * form[data-keep], [data-unsaved]:not(form) ~ form[data-keep]"));
let sent = null; // the form that is on its way
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-keep]")) typed.add(form);
});
document.addEventListener("submit", (event) => {
  const form = event.target, where = event.submitter?.formTarget || form.target;
  if (!event.defaultPrevented && (!where || where === "_self")) sent = form; // in another tab, this page stays
});
const changed = (field) => {
  switch (field.type) {
    case "checkbox": case "radio": return field.checked !== field.defaultChecked;
    case "file": return field.files.length > 0;
    case "select-one": return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
  }
  return "defaultValue" in field && field.value !== field.defaultValue;
};
window.addEventListener("beforeunload", (event) => {
  const lost = [...typed].some((form) => form !== sent && [...form.elements].some(changed)) || brought.size > 0 && !brought.has(sent);
  // Whoever stays has sent nothing after all.
  setTimeout(() => { sent = null; });
  // A browser does not ask on a page that nobody has touched, and complains.
  if (lost && navigator.userActivation?.hasBeenActive !== false) event.preventDefault();
});

function greet() {
  offerCopies();
  localTimes();
}
greet();
// Other parts of the page may have changed than the one that was asked for.
document.addEventListener("htmx:after:swap", greet);
document.getElementById("problems")?.focus();
