// Passkeys: what the server sends as base64url becomes bytes for the browser's dialog, and its answer goes back in the form.
const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const toText = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const withIds = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

function asked({ publicKey }) {
  const options = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  if (options.user) options.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) options.excludeCredentials = withIds(options.excludeCredentials);
  if (options.allowCredentials) options.allowCredentials = withIds(options.allowCredentials);
  return options;
}

function answer(credential) {
  const parts = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) parts[name] = toText(credential.response[name]);
  }
  if (credential.response.getTransports) parts.transports = credential.response.getTransports();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: parts,
  };
}

async function optionsFor(form) {
  if (form.dataset.passkey !== "login") return JSON.parse(form.querySelector("[data-passkey-options]").textContent);
  const response = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  return (await response.json()).request_options;
}

async function start(form) {
  const error = form.querySelector("[data-passkey-error]");
  error.textContent = "";
  try {
    const publicKey = asked(await optionsFor(form));
    const create = form.dataset.passkey === "create";
    if (create) {
      const alone = form.elements.passwordless.checked;
      publicKey.authenticatorSelection = {
        ...publicKey.authenticatorSelection,
        residentKey: alone ? "required" : "discouraged",
        requireResidentKey: alone,
        userVerification: alone ? "required" : publicKey.authenticatorSelection?.userVerification ?? "preferred",
      };
    }
    const credential = await navigator.credentials[create ? "create" : "get"]({ publicKey });
    form.elements.credential.value = JSON.stringify(answer(credential));
    form.submit();
  } catch {
    error.textContent = error.dataset.text;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]:not([data-ready])")) {
  form.dataset.ready = "";
  const able = window.isSecureContext && "PublicKeyCredential" in window;
  form.hidden = !able;
  for (const note of document.querySelectorAll("[data-passkey-missing]")) note.hidden = able;
  form.querySelector("[data-passkey-start]").addEventListener("click", () => {
    if (form.reportValidity()) start(form);
  });
}
