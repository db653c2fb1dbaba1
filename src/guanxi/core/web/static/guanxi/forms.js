// Forms: pickers with search, rows of lists, formatted text, guard against losing or doubling what was typed.
import { $, $$, each, icon, on, request, t, vendor } from "./base.js";

// Enter that ends a composition must not send a form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.stopPropagation();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest?.("form");
    if (form) { event.preventDefault(); form.requestSubmit(); }
  }
  if (event.key.toLowerCase?.() === "s" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
    const form = event.target.closest?.("form") ?? $("form[data-main]");
    if (form) { event.preventDefault(); form.requestSubmit($("[data-stay]", form) ?? undefined); }
  }
}, true);

// A changed form is dirty until it is sent; leaving the page asks.
on("input", "form[method=post]", (_event, form) => { if (!form.hasAttribute("data-free")) form.dataset.dirty = ""; });
on("submit", "form", (_event, form) => { delete form.dataset.dirty; });
addEventListener("beforeunload", (event) => {
  if ($("form[data-dirty]")) event.preventDefault();
});

// Double submit: plain forms disable their buttons while they are being sent (htmx forms use hx-disabled-elt).
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.hasAttribute("hx-post") || form.method === "get") return;
  if ("download" in form.dataset) { form.closest("dialog")?.close(); return; }
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  setTimeout(() => { $$("button", form).forEach((one) => { one.disabled = true; }); }, 0);
  setTimeout(() => { delete form.dataset.sent; $$("button", form).forEach((one) => { one.disabled = false; }); }, 8000);
});
addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => {
  delete form.dataset.sent;
  $$("button", form).forEach((one) => { one.disabled = false; });
}));

// The list of a picker lies under its control, or above where there is more room; Tom Select places it only for "body".
const GAP = 2;
function place(made) {
  const at = made.control.getBoundingClientRect();
  const list = made.dropdown;
  const width = Math.min(Math.max(at.width, 200), innerWidth - 8);
  const below = innerHeight - at.bottom - GAP;
  const up = list.offsetHeight > below && at.top > below;
  Object.assign(list.style, {
    position: "fixed", width: `${width}px`, left: `${Math.max(4, Math.min(at.left, innerWidth - width - 4))}px`,
    top: up ? "auto" : `${at.bottom + GAP}px`, bottom: up ? `${innerHeight - at.top + GAP}px` : "auto", margin: "0",
  });
  $(".ts-dropdown-content", list).style.maxHeight = `${Math.max(120, Math.min(320, (up ? at.top : below) - 16))}px`;
}
const openPickers = new Set();
for (const [target, sort] of [[document, "scroll"], [window, "resize"]]) target.addEventListener(sort, () => openPickers.forEach(place), true);

// Pickers: a select becomes searchable; one with data-search asks the server.
async function picker(select) {
  await Promise.all([vendor("tom-select/tom-select.min.css"), vendor("tom-select/tom-select.min.js")]);
  if (!select.isConnected || select.tomselect) return;
  const url = select.dataset.search;
  const own = select.closest("dialog") ?? document.body;
  const around = select.dataset.within ? select.form?.elements[select.dataset.within] : null;
  // What the server answered to each query: until it has, nothing is offered, so that Enter chooses nothing it does not fit.
  const answered = new Map();
  const settings = {
    plugins: select.multiple ? ["remove_button"] : [], maxOptions: 200, refreshThrottle: 0, dropdownParent: own, placeholder: select.getAttribute("placeholder") ?? $("option[value='']", select)?.textContent ?? "",
    allowEmptyOption: false, hideSelected: select.multiple, closeAfterSelect: !select.multiple, clearAfterSelect: true, preload: url ? "focus" : false,
    valueField: "value", labelField: "text", searchField: url ? [] : ["text"],
    render: {
      no_results: (data) => { const box = document.createElement("div"); box.className = "no-results"; box.textContent = url && !answered.has(data.input) ? "…" : t("nothing_found"); return box; },
      option: (data, escape) => `<div>${escape(data.text)}${data.hint ? ` <small class="text-secondary">${escape(data.hint)}</small>` : ""}</div>`,
    },
    onChange: () => select.dispatchEvent(new Event("change", { bubbles: true })),
  };
  if (url) {
    settings.load = (query, done) => {
      const address = new URL(url, location.href);
      address.searchParams.set("q", query);
      if (around?.value) { address.searchParams.set("within", select.dataset.within); address.searchParams.set("of", around.value); }
      request(address).then((answer) => answer.json()).then((data) => data.items).catch(() => []).then((items) => {
        answered.set(query, new Set(items.map((one) => String(one.value))));
        done(items);
      });
    };
    settings.score = (query) => (item) => (answered.get(query)?.has(String(item.value)) ? 1 : 0);
    settings.shouldLoad = () => true;
  }
  if (select.dataset.create) {
    settings.render.option_create = (data, escape) => `<div class="create">${escape(t("create_named", { name: data.input }))}</div>`;
    settings.create = (text, done) => {
      request(select.dataset.create, { method: "POST", body: new URLSearchParams({ name: text }) })
        .then((answer) => (answer.ok ? answer.json() : null)).then((item) => done(item ?? undefined)).catch(() => done());
    };
  }
  const made = new window.TomSelect(select, settings);
  // What is chosen around it decides what there is to choose: look again the next time.
  around?.addEventListener("change", () => { answered.clear(); made.clearOptions(); made.loadedSearches = {}; made.lastQuery = null; made.wrapper.classList.remove("preloaded"); });
  made.positionDropdown = () => place(made);
  made.on("dropdown_open", () => { openPickers.add(made); place(made); });
  made.on("dropdown_close", () => openPickers.delete(made));
  made.on("load", () => { if (made.isOpen) place(made); });
  const label = select.getAttribute("aria-label") ?? $(`label[for="${select.id}"], label[for="${select.id}-ts-control"]`)?.textContent ?? "";
  made.control_input.setAttribute("aria-label", label);
  select.setAttribute("aria-label", label);
  // Ready to type, but its list must not hide what stands below before anybody asked for it.
  if (select.hasAttribute("autofocus")) {
    Object.assign(made.settings, { openOnFocus: false, preload: false });
    made.focus();
    setTimeout(() => Object.assign(made.settings, { openOnFocus: true, preload: settings.preload }), 50);
    for (const sort of ["mousedown", "keydown"]) made.wrapper.addEventListener(sort, () => { if (url) made.preload(); }, { once: true, capture: true });
  }
}
each("select[data-picker]", picker);

// A choice another field of the form narrows: it offers what belongs to the value chosen there, and all while there is none.
const REGION = /^[A-Z]{2}[0-9]*$/;
each("select[data-around]", (select) => {
  const around = select.form?.elements[select.dataset.around];
  if (!around) return;
  const every = [...select.options].map((one) => one.cloneNode(true));
  const chosen = () => (around.selectedOptions ? [...around.selectedOptions].map((one) => one.value) : [around.value]).filter(Boolean);
  const fits = (tops, held) => !tops.length || !held.length || held.some((one) => tops.some((top) => one === top
    || ("search" in around.dataset && REGION.test(top) && (one.startsWith(top) || top.startsWith(one)))));
  const narrow = () => {
    const kept = new Set([...select.selectedOptions].map((one) => one.value));
    const held = chosen();
    select.replaceChildren(...every.filter((one) => fits((one.dataset.of ?? "").split(" ").filter(Boolean), held)).map((one) => {
      const option = one.cloneNode(true);
      option.selected = kept.has(option.value);
      return option;
    }));
    select.tomselect?.clear(true);
    select.tomselect?.clearOptions();
    select.tomselect?.sync();
    const now = new Set([...select.selectedOptions].map((one) => one.value));
    return [...kept].every((one) => now.has(one));
  };
  narrow();
  around.addEventListener("change", () => { if (!narrow()) select.dispatchEvent(new Event("change", { bubbles: true })); });
});

// Rows of list fields
let fresh = 1000;
on("click", "[data-add-row]", (_event, button) => {
  const template = $("template", button.closest("[data-rows]"));
  const holder = document.createElement("template");
  fresh += 1;
  holder.innerHTML = template.innerHTML.replaceAll("__n__", String(fresh));
  const row = holder.content.firstElementChild;
  template.before(row);
  row.dispatchEvent(new CustomEvent("gx:added", { bubbles: true }));
  $("input, select", row)?.focus();
});
on("click", "[data-remove-row]", (_event, button) => {
  const rows = button.closest("[data-rows]");
  const row = button.closest(".gx-rows-line");
  if ($$(".gx-rows-line", rows).length > 1) row.remove();
  else $$("input:not([type=radio]), select", row).forEach((one) => { one.value = ""; });
  rows.dispatchEvent(new Event("input", { bubbles: true }));
});

// Formatted text: the textarea stays the form's value, an editable copy stands before it.
each("textarea[data-rich]", (area) => {
  const box = document.createElement("div");
  box.className = "gx-rich";
  const bar = document.createElement("div");
  bar.className = "gx-toolbar";
  for (const [command, mark, label] of [["bold", "bold", "bold"], ["italic", "italic", "italic"], ["insertUnorderedList", "list", "list"], ["insertOrderedList", "list-numbers", "numbers"]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-quiet btn-sm btn-icon";
    button.append(icon(mark));
    button.title = t(label);
    button.setAttribute("aria-label", t(label));
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => { text.focus(); document.execCommand(command); keep(); });
    bar.append(button);
  }
  const text = document.createElement("div");
  text.contentEditable = "true";
  text.setAttribute("role", "textbox");
  text.setAttribute("aria-multiline", "true");
  text.setAttribute("aria-label", $(`label[for="${area.id}"]`)?.textContent ?? "");
  text.setAttribute("hx-disable", "");
  text.innerHTML = area.value;
  const keep = () => { area.value = text.textContent.trim() || $("img", text) ? text.innerHTML : ""; area.dispatchEvent(new Event("input", { bubbles: true })); };
  text.addEventListener("input", keep);
  text.addEventListener("paste", (event) => {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  box.append(bar, text);
  area.hidden = true;
  area.before(box);
});

// Selects and boxes that act at once (quick filters, page size).
// Choosing may draw an editor anew before it is filled: nothing is demanded until somebody saves.
on("change", "[data-submit]", (_event, { form }) => {
  const again = form?.querySelector("button[data-redraw]");
  if (again) again.click();
  else form?.requestSubmit();
});

// Fields with conditions: the server says after each change which are shown, must be filled, may be changed.
each("form[data-conditions]", (form) => {
  let asked = 0;
  const ask = async () => {
    const turn = ++asked;
    const data = new FormData(form);
    for (const [key, value] of [...data.entries()]) if (value instanceof File) data.delete(key);
    const answer = await request(form.dataset.conditions, { method: "POST", body: new URLSearchParams(data) });
    if (!answer.ok || turn !== asked) return;
    for (const [name, state] of Object.entries(await answer.json())) {
      const field = $(`.gx-field[data-name="${CSS.escape(name)}"]`, form);
      if (!field) continue;
      field.hidden = !state.visible;
      field.toggleAttribute("inert", state.readonly);
      $("label.form-label", field)?.classList.toggle("gx-required", state.required);
      // What must be filled now is not left in a fold that is closed.
      if (state.visible && state.required) for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    }
  };
  form.addEventListener("change", ask);
  ask();
});
