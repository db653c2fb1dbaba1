// Days and moments: a text field the server reads in the person's own words (明天, +3, 12/1), and a calendar beside it.
import { $, $$, each, icon, t } from "./base.js";

const root = document.documentElement;
const form = root.dataset.dates || "year";
const first = Number(root.dataset.week || 1);
const lang = root.lang || "zh-Hans";
const two = (number) => String(number).padStart(2, "0");
const iso = (day) => `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
const at = (text) => { const [year, month, day] = text.split("-").map(Number); return new Date(year, month - 1, day); };
const moved = (day, count) => new Date(day.getFullYear(), day.getMonth(), day.getDate() + count);
const today = () => at(new Intl.DateTimeFormat("en-CA", root.dataset.zone ? { timeZone: root.dataset.zone } : {}).format(new Date()));

/** The same day in another month; the last one where the month is shorter. */
function months(day, count) {
  const last = new Date(day.getFullYear(), day.getMonth() + count + 1, 0);
  return new Date(last.getFullYear(), last.getMonth(), Math.min(day.getDate(), last.getDate()));
}

/** A day as its reader writes it, and back (null when the text is not in that form). */
function written(day) {
  const [year, month, date] = iso(day).split("-");
  return { year: `${year}-${month}-${date}`, month: `${month}/${date}/${year}`, day: `${date}/${month}/${year}`, dots: `${date}.${month}.${year}` }[form];
}
function parsed(text) {
  const found = text.trim().match(form === "year" ? /^(\d{4})-(\d\d?)-(\d\d?)/ : /^(\d\d?)[/.](\d\d?)[/.](\d{4})/);
  if (!found) return null;
  const [year, month, date] = (form === "year" ? [found[1], found[2], found[3]] : form === "month" ? [found[3], found[1], found[2]] : [found[3], found[2], found[1]]).map(Number);
  const day = new Date(year, month - 1, date);
  return day.getMonth() === month - 1 && day.getDate() === date ? day : null;
}
const clock = (text) => text.match(/(\d\d?:\d\d)\s*$/)?.[1] ?? "";

// What was typed in words stands there as a date as soon as one leaves the field; what is no date says so below it.
async function settle(input) {
  const text = input.value.trim();
  complain(input, "");
  input.removeAttribute("title");
  if (!text || input.closest("td[data-field]")) return;
  const query = new URLSearchParams({ text, kind: input.dataset.day });
  const answer = await fetch(`/days/read/?${query}`, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.headers.get("Content-Type")?.includes("json") || input.value.trim() !== text) return;
  const said = await answer.json();
  if (answer.ok) { input.value = said.text; if (said.about) input.title = said.about; } else if (said.error) complain(input, said.error);
}
function complain(input, text) {
  const holder = input.closest(".gx-day");
  const old = $(".gx-day-says", holder);
  if (old) { old.remove(); input.removeAttribute("aria-invalid"); input.classList.remove("is-invalid"); }
  if (!text) return;
  const says = document.createElement("span");
  says.className = "invalid-feedback d-block gx-day-says";
  says.setAttribute("role", "alert");
  says.textContent = text;
  holder.append(says);
  input.setAttribute("aria-invalid", "true");
  input.classList.add("is-invalid");
}

const special = new Map();
function holidays(year) {
  if (!special.has(year)) {
    special.set(year, fetch(`/days/special/?year=${year}`, { credentials: "same-origin" }).then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({})));
  }
  return special.get(year);
}

class Days {
  constructor(input, button) {
    this.input = input;
    this.button = button;
    this.timed = input.dataset.day === "datetime";
  }

  get chosen() { return parsed(this.input.value); }

  open(focus) {
    if (this.box) { if (focus) this.focus(); return; }
    this.day = this.chosen ?? today();
    this.box = document.createElement("div");
    this.box.className = "gx-days";
    this.box.popover = "auto";
    this.box.setAttribute("role", "dialog");
    this.box.setAttribute("aria-label", t("choose_day"));
    this.box.append(this.head(), this.table(), this.foot());
    this.input.closest(".gx-day").append(this.box);
    this.box.addEventListener("keydown", (event) => this.keys(event));
    this.box.addEventListener("toggle", (event) => { if (event.newState === "closed") this.gone(); });
    // Pressing here must not take the focus out of the field: where a cell is edited, that would save it.
    this.box.addEventListener("mousedown", (event) => { if (event.target.tagName !== "SELECT") event.preventDefault(); });
    this.box.addEventListener("input", (event) => event.stopPropagation());
    this.draw();
    this.box.showPopover();
    this.place();
    this.button.setAttribute("aria-expanded", "true");
    if (focus) this.focus();
  }

  gone() {
    const inside = this.box?.contains(document.activeElement);
    this.box?.remove();
    this.box = null;
    this.button.setAttribute("aria-expanded", "false");
    if (inside && this.input.isConnected) this.input.focus();
  }

  close() { this.box?.hidePopover(); }

  place() {
    if (innerWidth < 600) return; // a sheet at the foot of the screen, see the style
    const rect = this.input.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const up = rect.bottom + height + 8 > innerHeight && rect.top > height;
    this.box.style.left = `${Math.max(8, Math.min(rect.left, innerWidth - width - 8))}px`;
    this.box.style.top = `${Math.max(8, Math.min(up ? rect.top - height - 4 : rect.bottom + 4, innerHeight - height - 8))}px`;
  }

  press(label, name, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = name ? "btn btn-quiet btn-icon btn-sm" : "btn btn-quiet btn-sm";
    if (name) { button.append(icon(name)); button.setAttribute("aria-label", label); button.title = label; } else button.textContent = label;
    button.addEventListener("click", act);
    return button;
  }

  head() {
    const row = document.createElement("div");
    row.className = "gx-days-head";
    this.title = document.createElement("strong");
    this.title.setAttribute("aria-live", "polite");
    const go = (count) => () => { this.day = months(this.day, count); this.draw(); };
    row.append(this.press(t("year_before"), "chevrons-left", go(-12)), this.press(t("month_before"), "chevron-left", go(-1)), this.title,
      this.press(t("month_after"), "chevron-right", go(1)), this.press(t("year_after"), "chevrons-right", go(12)));
    return row;
  }

  table() {
    this.grid = document.createElement("table");
    this.grid.setAttribute("role", "grid");
    const names = new Intl.DateTimeFormat(lang, { weekday: "narrow" });
    const full = new Intl.DateTimeFormat(lang, { weekday: "long" });
    const monday = new Date(2024, 0, 1);
    const row = this.grid.createTHead().insertRow();
    for (let place = 0; place < 7; place += 1) {
      const cell = document.createElement("th");
      const day = moved(monday, (first - 1 + place) % 7);
      cell.scope = "col";
      cell.abbr = full.format(day);
      cell.textContent = names.format(day);
      row.append(cell);
    }
    this.body = this.grid.createTBody();
    this.body.addEventListener("click", (event) => {
      const cell = event.target.closest("td");
      if (cell) this.take(at(cell.dataset.date), !this.timed);
    });
    return this.grid;
  }

  foot() {
    const row = document.createElement("div");
    row.className = "gx-days-foot";
    const monday = moved(today(), ((8 - today().getDay()) % 7) || 7);
    for (const [key, day] of [["today", today()], ["tomorrow", moved(today(), 1)], ["next_monday", monday]]) {
      row.append(this.press(t(key), "", () => this.take(day, !this.timed)));
    }
    if (!this.input.required) row.append(this.press(t("clear"), "", () => { this.put(""); this.close(); }));
    if (this.timed) row.append(this.times());
    return row;
  }

  times() {
    this.time = document.createElement("select");
    this.time.className = "form-select form-select-sm";
    this.time.setAttribute("aria-label", t("time"));
    const held = clock(this.input.value).padStart(5, "0");
    const all = [...Array(48).keys()].map((half) => `${two(half >> 1)}:${half % 2 ? "30" : "00"}`);
    if (held !== "00000" && !all.includes(held)) all.push(held);
    for (const one of all.sort()) this.time.add(new Option(one, one, false, one === (held === "00000" ? "09:00" : held)));
    this.time.addEventListener("change", (event) => { event.stopPropagation(); this.take(this.chosen ?? this.day, false); });
    return this.time;
  }

  async draw() {
    const { day } = this;
    this.title.textContent = new Intl.DateTimeFormat(lang, { year: "numeric", month: "long" }).format(day);
    const start = new Date(day.getFullYear(), day.getMonth(), 1);
    const from = moved(start, -((((start.getDay() || 7) - first) % 7 + 7) % 7));
    const [now, held, here] = [iso(today()), this.chosen ? iso(this.chosen) : "", iso(day)];
    const words = new Intl.DateTimeFormat(lang, { dateStyle: "full" });
    this.body.replaceChildren();
    for (let week = 0; week < 6; week += 1) {
      const row = this.body.insertRow();
      for (let place = 0; place < 7; place += 1) {
        const one = moved(from, week * 7 + place);
        const cell = row.insertCell();
        Object.assign(cell, { textContent: one.getDate(), tabIndex: iso(one) === here ? 0 : -1 });
        cell.dataset.date = iso(one);
        cell.setAttribute("aria-label", words.format(one));
        cell.setAttribute("aria-selected", String(iso(one) === held));
        if (iso(one) === now) cell.setAttribute("aria-current", "date");
        cell.classList.toggle("gx-days-other", one.getMonth() !== day.getMonth());
      }
    }
    const years = [...new Set($$("td", this.body).map((cell) => cell.dataset.date.slice(0, 4)))];
    const known = Object.assign({}, ...await Promise.all(years.map(holidays)));
    for (const cell of $$("td", this.body)) {
      const [sort, name] = known[cell.dataset.date] ?? [];
      if (!sort) continue;
      cell.classList.add(`gx-days-${sort}`);
      cell.title = name || t(sort === "off" ? "day_off" : "day_works");
      cell.setAttribute("aria-label", `${words.format(at(cell.dataset.date))}, ${cell.title}`);
    }
  }

  focus() { $("td[tabindex='0']", this.body)?.focus(); }

  keys(event) {
    event.stopPropagation(); // neither the dialog's, the cell's nor the page's
    if (event.key === "Escape") { event.preventDefault(); this.close(); return; }
    if (!event.target.matches("td")) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.take(at(event.target.dataset.date), true); return; }
    const weekday = (((this.day.getDay() || 7) - first) % 7 + 7) % 7;
    const next = {
      ArrowLeft: () => moved(this.day, -1), ArrowRight: () => moved(this.day, 1), ArrowUp: () => moved(this.day, -7), ArrowDown: () => moved(this.day, 7),
      Home: () => moved(this.day, -weekday), End: () => moved(this.day, 6 - weekday),
      PageUp: () => months(this.day, event.shiftKey ? -12 : -1), PageDown: () => months(this.day, event.shiftKey ? 12 : 1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    this.day = next();
    this.draw();
    this.focus();
  }

  take(day, done) {
    this.day = day;
    this.put(written(day) + (this.timed ? ` ${this.time.value}` : ""));
    if (done) { const { input } = this; this.close(); input.focus(); } else this.draw();
  }

  put(text) {
    this.input.value = text;
    complain(this.input, "");
    for (const sort of ["input", "change"]) this.input.dispatchEvent(new Event(sort, { bubbles: true }));
  }
}

function timesList() {
  if ($("#gx-times")) return;
  const list = document.createElement("datalist");
  list.id = "gx-times";
  for (let half = 0; half < 48; half += 1) list.append(new Option(`${two(half >> 1)}:${half % 2 ? "30" : "00"}`));
  document.body.append(list);
}

each("input[data-day]", (input) => {
  input.addEventListener("change", (event) => { if (event.isTrusted) settle(input); });
  if (input.dataset.day === "time") { timesList(); input.setAttribute("list", "gx-times"); return; }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "gx-day-open";
  button.tabIndex = -1; // the arrow down in the field does the same
  button.append(icon("calendar"));
  button.title = `${t("choose_day")} (↓)`;
  button.setAttribute("aria-label", t("choose_day"));
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  const days = new Days(input, button);
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", () => { if (days.box) days.close(); else days.open(true); });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || event.isComposing || (input.closest("[data-lines]") && !event.altKey)) return;
    event.preventDefault();
    event.stopPropagation();
    days.open(true);
  });
  input.after(button);
});
