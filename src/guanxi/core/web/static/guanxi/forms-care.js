// Care for what is typed: sections that depend on a value, drafts on the server, the duplicate warning, a related record
// made inside a picker, and signing in again without losing the form.
import { $, $$, csrf, each, on, request, t } from "./base.js";
import { passOn, reload, toast } from "./toast.js";

// Sections shown only for one value of another field.
function sections(form) {
  for (const part of $$("[data-when]", form)) {
    const control = form.elements[part.dataset.when];
    if (!control) continue;
    const value = control instanceof RadioNodeList ? control.value : control.value;
    part.hidden = value !== part.dataset.is;
  }
}
each("form", (form) => {
  if (!$("[data-when]", form)) return;
  sections(form);
  form.addEventListener("change", () => sections(form));
});

// A limit of length cuts nothing, neither typed nor pasted: the field says by how much it is over, and is not sent like that.
function overLimit(field) {
  const limit = Number(field.dataset.limit);
  const over = [...field.value].length - limit;
  const beside = field.closest(".input-group") ?? field;
  let told = beside.nextElementSibling?.matches("[data-over-limit]") ? beside.nextElementSibling : null;
  field.setCustomValidity(over > 0 ? t("too_long", { limit, over }) : "");
  if (over > 0 && !told) {
    told = document.createElement("div");
    told.className = "invalid-feedback d-block";
    told.setAttribute("data-over-limit", "");
    told.setAttribute("role", "status");
    beside.after(told);
  }
  if (!told) return;
  told.hidden = over <= 0;
  told.textContent = field.validationMessage;
  field.classList.toggle("is-invalid", over > 0);
}
function softLimit(field) {
  field.dataset.limit = field.maxLength;
  field.removeAttribute("maxlength");
}
each("input[maxlength], textarea[maxlength]", softLimit);
on("focusin", "input[maxlength], textarea[maxlength]", (_event, field) => softLimit(field));
on("input", "[data-limit]", (_event, field) => overLimit(field));

// What must be looked at first takes the focus when it arrives (the summary of errors, a choice between two values).
document.addEventListener("htmx:load", (event) => {
  const found = event.target instanceof Element ? event.target.matches("[data-focus]") ? event.target : $("[data-focus]", event.target) : null;
  found?.focus();
});

// Drafts: kept a moment after typing stops, gone when the form is sent.
const timers = new WeakMap();
const plainData = (form) => {
  const data = new FormData(form);
  for (const [name, value] of [...data.entries()]) if (value instanceof File) data.delete(name);
  return data;
};
function keepDraft(form) {
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(() => {
    if (form.isConnected && form.hasAttribute("data-dirty")) request(form.dataset.draft, { method: "POST", body: plainData(form) }).catch(() => {});
  }, 1200));
}
on("input", "form[data-draft]", (_event, form) => keepDraft(form));
on("change", "form[data-draft]", (_event, form) => { form.dataset.dirty = ""; keepDraft(form); });
on("submit", "form[data-draft]", (_event, form) => clearTimeout(timers.get(form)));
on("click", "[data-drop-draft]", async (_event, button) => {
  const form = button.closest("form");
  const body = new FormData();
  body.set("_draft", form.elements._draft.value);
  body.set("_drop", "1");
  await request(form.dataset.draft, { method: "POST", body });
  delete form.dataset.dirty;
  if (form.closest("dialog")) window.htmx.ajax("GET", form.getAttribute("action"), { source: "#dialog", target: "#dialog-body" });
  else reload();
});
// A dialog that was left keeps its draft on the server; its form no longer counts as dirty.
document.addEventListener("close", (event) => {
  if (event.target.id !== "dialog") return;
  const form = $("form[data-draft][data-dirty]", event.target);
  if (!form) return;
  clearTimeout(timers.get(form));
  delete form.dataset.dirty;
}, true);

// Duplicates: asked a moment after typing stops.
const asking = new WeakMap();
on("input", "form[data-similar]", (event, form) => {
  if (event.isComposing) return;
  clearTimeout(asking.get(form));
  asking.set(form, setTimeout(async () => {
    const answer = await request(form.dataset.similar, { method: "POST", body: plainData(form), headers: { "HX-Request": "true" } }).catch(() => null);
    const box = $("[data-similar-box]", form);
    if (answer?.ok && box) box.innerHTML = (await answer.text()).trim();
  }, 450));
});

// A related record made inside a picker: a second dialog over the first, whose form stays as it is.
each("script[data-creates]", (block) => {
  const form = block.closest("form");
  for (const [name, url] of Object.entries(JSON.parse(block.textContent))) {
    const field = $(`.gx-field[data-name="${CSS.escape(name)}"]`, form);
    if (!field) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "gx-new-in-picker";
    button.textContent = t("new_in_picker");
    button.addEventListener("click", () => nested(url, $("select", field)));
    field.prepend(button);
  }
});

async function nested(url, select) {
  const typed = select.tomselect?.control_input.value.trim();
  const address = new URL(url, location.href);
  if (typed) address.searchParams.set("name", typed);
  const answer = await request(address, { headers: { "HX-Request": "true", "HX-Target": "nested" } });
  if (!answer.ok) { passOn(answer); return; }
  const dialog = document.createElement("dialog");
  dialog.className = "gx-dialog gx-nested";
  dialog.setAttribute("aria-labelledby", "nested-title");
  document.body.append(dialog);
  const fill = (html) => {
    dialog.innerHTML = html;
    dialog.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
    $("[data-focus]", dialog)?.focus();
    $("form", dialog).addEventListener("submit", send);
    $$("[data-nested-close]", dialog).forEach((one) => one.addEventListener("click", () => dialog.close()));
  };
  async function send(event) {
    event.preventDefault();
    event.stopPropagation();
    const form = event.target;
    const button = $("[type=submit]", form);
    button.disabled = true;
    const sent = await request(form.action, { method: "POST", body: new FormData(form, event.submitter), headers: { "HX-Request": "true", "HX-Target": "nested" } }).catch(() => null);
    button.disabled = false;
    if (!sent) { toast({ text: t("offline"), level: "error" }); return; }
    if (sent.headers.get("Content-Type")?.includes("json")) {
      const item = await sent.json();
      if (select.tomselect) { select.tomselect.addOption(item); select.tomselect.setValue(item.value); } else { select.add(new Option(item.text, item.value, true, true)); }
      dialog.close();
    } else if (sent.status === 422) fill(await sent.text());
    else passOn(sent);
  }
  dialog.addEventListener("close", () => { dialog.remove(); select.tomselect?.focus(); });
  fill(await answer.text());
  dialog.showModal();
}

// Signed out meanwhile: sign in here, then go on where you were.
let waiting = null;
let fetching = false;
export function signIn(retry) {
  waiting = retry ?? waiting;
  if (fetching || $("#sign-in-again")) return;
  fetching = true;
  // In the language of this page: nobody is signed in who could have chosen one.
  const spoken = { "Accept-Language": document.documentElement.lang };
  request("/account/login/", { headers: spoken }).then((answer) => answer.text()).then((html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const found = $("form[action*='login'], main form", page);
    if (!found) { location.href = "/account/login/"; return; }
    const dialog = document.createElement("dialog");
    dialog.id = "sign-in-again";
    dialog.className = "gx-dialog slim";
    const head = document.createElement("header");
    const title = document.createElement("h2");
    title.textContent = t("signed_out_title");
    head.append(title);
    const body = document.createElement("div");
    body.className = "gx-dialog-body";
    const words = document.createElement("p");
    words.textContent = t("signed_out");
    const error = document.createElement("p");
    error.className = "invalid-feedback";
    error.setAttribute("role", "alert");
    const form = document.importNode(found, true);
    form.dataset.free = "";
    form.removeAttribute("hx-post");
    body.append(words, error, form);
    dialog.append(head, body);
    document.body.append(dialog);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const sent = await fetch(found.getAttribute("action") || "/account/login/", { method: "POST", body: new FormData(form), credentials: "same-origin", headers: spoken });
      const text = await sent.text();
      const after = new DOMParser().parseFromString(text, "text/html");
      if (new URL(sent.url).pathname.startsWith("/account/")) {
        error.textContent = $(".invalid-feedback, .gx-errors, [role=alert]", after)?.textContent.trim() || t("sign_in_elsewhere");
        return;
      }
      const meta = $('meta[name="csrf"]', after)?.content;
      if (meta) {
        $('meta[name="csrf"]').content = meta;
        $$('input[name="csrfmiddlewaretoken"]').forEach((one) => { one.value = meta; });
      }
      document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": csrf() }));
      dialog.close();
      dialog.remove();
      waiting?.();
      waiting = null;
    });
    dialog.showModal();
    $("input:not([type=hidden])", form)?.focus();
  }).finally(() => { fetching = false; });
}
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status !== 401) return;
  const from = event.detail.elt;
  signIn(from instanceof HTMLFormElement ? () => { from.dataset.dirty = ""; from.requestSubmit(); } : null);
});
document.addEventListener("gx:signin", () => signIn(null));

// Regions step by step: after a choice the picker offers what lies below it.
on("change", "select[data-search^='/pick/regions/']", async (event, select) => {
  const picker = select.tomselect;
  if (!picker || !select.value || select.dataset.under === select.value) return;
  select.dataset.under = select.value;
  const answer = await request(`/pick/regions/?under=${encodeURIComponent(select.value)}`).catch(() => null);
  if (!answer?.ok) return;
  const { items } = await answer.json();
  for (const key of Object.keys(picker.options)) if (key !== select.value) picker.removeOption(key, true);
  picker.addOptions(items);
  if (items.length > 1 && event.isTrusted === false) picker.open();
});

// Editors that are drawn anew while one goes on typing: what was typed after the form was sent stands in the new one.
const sentAs = new WeakMap();
let typedOn = null;
const texts = (form) => $$("input:not([type]), input[type=text], input[type=number], textarea", form).filter((box) => box.name);
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (form.matches?.("form[data-free][id]")) sentAs.set(form, new Map(texts(form).map((box) => [box.name, box.value])));
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.target, before = sentAs.get(form);
  if (!before || !event.detail.shouldSwap) return;
  typedOn = { id: form.id, focus: form.contains(document.activeElement) ? document.activeElement.name : "", boxes: texts(form).filter((box) => before.has(box.name) && box.value !== before.get(box.name)).map((box) => [box.name, before.get(box.name), box.value]) };
});
document.addEventListener("htmx:load", (event) => {
  const form = event.target;
  if (!typedOn || form.id !== typedOn.id) return;
  for (const [name, old, value] of typedOn.boxes) {
    const box = texts(form).find((one) => one.name === name && one.value === old);
    if (!box) continue;
    box.value = value;
    if (name === typedOn.focus) box.focus();
  }
  typedOn = null;
});
