// Asks the browser for the passkey that the one form of the page waits for, and posts
// the answer with it. Every word is in the page; here is only which of them is shown.
"use strict";

const form = document.querySelector("form[data-passkey]");

// base64url, as WebAuthn writes bytes in JSON.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

function say(what) {
  for (const words of document.querySelectorAll("[data-when]")) {
    words.hidden = !words.dataset.when.split(" ").includes(what);
  }
}

async function credential() {
  const options = JSON.parse(form.dataset.options);
  options.challenge = bytes(options.challenge);
  if (form.dataset.passkey === "make") {
    options.user.id = bytes(options.user.id);
    options.excludeCredentials = known(options.excludeCredentials);
    return navigator.credentials.create({ publicKey: options });
  }
  options.allowCredentials = known(options.allowCredentials);
  return navigator.credentials.get({ publicKey: options });
}

function written(made) {
  const response = { clientDataJSON: text(made.response.clientDataJSON) };
  if (form.dataset.passkey === "make") {
    response.attestationObject = text(made.response.attestationObject);
  } else {
    response.authenticatorData = text(made.response.authenticatorData);
    response.signature = text(made.response.signature);
    if (made.response.userHandle) response.userHandle = text(made.response.userHandle);
  }
  return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} });
}

async function run() {
  if (!window.PublicKeyCredential) {
    say("none");
    return;
  }
  say("waiting");
  try {
    form.elements.answer.value = written(await credential());
    form.submit();
  } catch (problem) {
    say(["NotAllowedError", "InvalidStateError", "SecurityError"].includes(problem.name) ? problem.name : "other");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
run();
