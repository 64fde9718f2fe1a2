// What administrators' pages do more quickly where scripts run. Everything here has
// another way: values can be selected, times are in UTC, forms are sent whole.
"use strict";

// Copy buttons stay hidden where they could not work: <button hidden data-copy="id">.
function offerCopies(within) {
  for (const button of within.querySelectorAll("button[data-copy][hidden]")) {
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

// The reader's own zone, beside UTC.
function localTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([title])")) {
    time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
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

// A form with data-keep asks before what was typed is lost; with data-unsaved it
// brings along what was typed before.
let unsaved = document.querySelector("form[data-unsaved]") !== null;
document.addEventListener("input", (event) => {
  if (event.target.closest("form[data-keep]")) unsaved = true;
});
document.addEventListener("submit", () => { unsaved = false; });
window.addEventListener("beforeunload", (event) => {
  // A browser does not ask on a page that nobody has touched, and complains.
  if (unsaved && navigator.userActivation?.hasBeenActive !== false) event.preventDefault();
});

function greet(within) {
  offerCopies(within);
  localTimes(within);
}
greet(document);
document.addEventListener("htmx:after:swap", (event) => greet(event.target));
document.getElementById("problems")?.focus();
