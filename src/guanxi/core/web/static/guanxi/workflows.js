// Workflows: the drawing tool with a panel of our own beside it, and runs coloured on their drawing.
import { $, each, on, vendor } from "./base.js";

// What the tool offers, of all that BPMN has: only what can be run here (the server refuses the rest by name).
const KEPT = new Set(["replace-with-user-task", "replace-with-manual-task", "replace-with-service-task", "replace-with-script-task", "replace-with-task", "replace-with-exclusive-gateway", "replace-with-parallel-gateway", "replace-with-inclusive-gateway", "replace-with-none-start", "replace-with-none-end", "replace-with-terminate-end", "replace-with-timer-intermediate-catch", "replace-with-none-intermediate-throwing", "replace-with-timer-boundary", "replace-with-non-interrupting-timer-boundary", "replace-with-expanded-subprocess", "replace-with-collapsed-subprocess", "replace-with-sequence-flow", "replace-with-default-flow", "replace-with-conditional-flow"]);
const UNWANTED = new Set(["create.data-object", "create.data-store", "create.participant-expanded", "create.group"]);
const OURS = { name: "Guanxi", uri: "urn:guanxi:bpmn", prefix: "gx", xml: { tagAlias: "lowerCase" }, types: [{ name: "Doing", extends: ["bpmn:FlowNode"], properties: ["who", "fields", "outcomes", "rule", "name_en", "help_en"].map((name) => ({ name, isAttr: true, type: "String" })) }] };

function Fewer(popupMenu, palette) {
  popupMenu.registerProvider("bpmn-replace", 200, {
    getPopupMenuEntries: () => (entries) => Object.fromEntries(Object.entries(entries).filter(([key]) => KEPT.has(key))),
    getPopupMenuHeaderEntries: () => () => ({}),
  });
  palette.registerProvider(200, {
    getPaletteEntries: () => (entries) => Object.fromEntries(Object.entries(entries).filter(([key]) => !UNWANTED.has(key))),
  });
}
Fewer.$inject = ["popupMenu", "palette"];

const made = (tag, attributes = {}, ...inside) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside);
  return element;
};

let count = 0;
function field(label, control, hint = "") {
  control.id = `flow-${(count += 1)}`;
  return made("div", { class: "mb-3" }, made("label", { class: "form-label", for: control.id, text: label }), control, hint ? made("div", { class: "form-hint", text: hint }) : "");
}
const options = (list, chosen) => list.map(([key, text]) => made("option", { value: key, selected: key === chosen, text }));
const select = (list, chosen, label) => made("select", { class: "form-select", "aria-label": label }, ...options(list, chosen));

/** The panel beside the drawing: what the chosen shape does. */
class Panel {
  constructor(modeler, place, setup) {
    Object.assign(this, { modeler, place, setup, element: null });
    this.modeling = modeler.get("modeling");
    this.moddle = modeler.get("moddle");
    this.draw();
  }

  word(key) { return this.setup.words[`gx.${key}`] ?? key; }

  choose(element) {
    this.element = element && element.type !== "bpmn:Process" && element.type !== "label" ? element : element?.labelTarget ?? null;
    this.draw();
  }

  set(values) { this.modeling.updateProperties(this.element, values); }

  draw() {
    const { element } = this;
    if (!element || element.type === "bpmn:Process") return this.place.replaceChildren(made("p", { class: "text-secondary", text: this.word("none") }));
    const what = element.businessObject;
    const parts = [
      this.text(this.word("name"), what.name, (value) => this.modeling.updateLabel(element, value)),
      this.text(this.word("nameEn"), what.get("gx:name_en"), (value) => this.set({ "gx:name_en": value || undefined })),
    ];
    const timer = what.eventDefinitions?.find((one) => one.$type === "bpmn:TimerEventDefinition");
    if (["bpmn:UserTask", "bpmn:ManualTask"].includes(what.$type)) parts.push(...this.asked(what));
    if (what.$type === "bpmn:ServiceTask") parts.push(this.pick(this.word("rule"), [["", "—"], ...this.setup.rules], what.get("gx:rule"), (value) => this.set({ "gx:rule": value })));
    if (what.$type === "bpmn:ScriptTask") parts.push(this.area(this.word("script"), what.script, (value) => this.set({ script: value, scriptFormat: "cel" }), this.word("scriptHint")));
    if (timer) parts.push(this.timer(timer));
    if (what.$type === "bpmn:SequenceFlow" && /Exclusive|Inclusive/.test(what.sourceRef?.$type ?? "") && what.sourceRef.default !== what) parts.push(this.condition(what));
    this.place.replaceChildren(...parts);
  }

  text(label, value, keep, hint) {
    const input = made("input", { class: "form-control", value: value ?? "" });
    input.addEventListener("change", () => keep(input.value.trim()));
    return field(label, input, hint);
  }

  area(label, value, keep, hint) {
    const input = made("textarea", { class: "form-control", rows: 3, text: value ?? "" });
    input.addEventListener("change", () => keep(input.value.trim()));
    return field(label, input, hint);
  }

  pick(label, list, value, keep) {
    const input = select(list, value ?? "", label);
    input.addEventListener("change", () => keep(input.value));
    return field(label, input);
  }

  asked(what) {
    const help = what.documentation?.[0]?.text;
    const outcomes = (what.get("gx:outcomes") ?? "").split(";").filter(Boolean).join("\n");
    const chosen = new Set((what.get("gx:fields") ?? "").split(",").filter(Boolean));
    const list = made("select", { class: "form-select", multiple: true, size: 6 }, ...this.setup.fields.map(([key, text]) => made("option", { value: key, selected: chosen.has(key), text })));
    list.addEventListener("change", () => this.set({ "gx:fields": [...list.selectedOptions].map((one) => one.value).join(",") || undefined }));
    return [
      this.area(this.word("help"), help, (value) => this.set({ documentation: value ? [this.moddle.create("bpmn:Documentation", { text: value })] : undefined })),
      this.area(this.word("helpEn"), what.get("gx:help_en"), (value) => this.set({ "gx:help_en": value || undefined })),
      this.who(what),
      field(this.word("fields"), list),
      this.area(this.word("outcomes"), outcomes, (value) => this.set({ "gx:outcomes": value.split("\n").map((one) => one.trim()).filter(Boolean).join(";") || undefined }), this.word("outcomesHint")),
    ];
  }

  who(what) {
    const ways = (what.get("gx:who") ?? "").split(",").filter(Boolean);
    const keep = (list) => { this.set({ "gx:who": list.filter(Boolean).join(",") || undefined }); this.draw(); };
    const rows = ways.map((way, number) => {
      const [kind, rest = ""] = way.split(":");
      const change = (value) => keep(ways.map((one, place) => (place === number ? value : one)));
      const first = select(this.setup.ways, kind, this.word("who"));
      const lists = { role: this.setup.roles, people: this.setup.people, field: this.setup.peopleFields, superior: [1, 2, 3, 4].map((level) => [`${level}`, `${level}`]), department_head: [1, 2, 3].map((level) => [`${level}`, `${level}`]) };
      first.addEventListener("change", () => change(lists[first.value]?.length ? `${first.value}:${lists[first.value][0][0]}` : first.value));
      const row = made("div", { class: "gx-row mb-1" }, first);
      if (lists[kind]) {
        const second = select(lists[kind], rest || lists[kind][0]?.[0], this.word(kind === "superior" || kind === "department_head" ? "level" : "who"));
        second.addEventListener("change", () => change(`${kind}:${second.value}`));
        row.append(second);
      }
      const drop = made("button", { type: "button", class: "btn btn-quiet btn-icon", "aria-label": this.word("remove"), text: "×" });
      drop.addEventListener("click", () => keep(ways.filter((_one, place) => place !== number)));
      row.append(drop);
      return row;
    });
    const add = made("button", { type: "button", class: "btn btn-sm", text: this.word("add") });
    add.addEventListener("click", () => keep([...ways, "owner"]));
    return made("fieldset", { class: "mb-3" }, made("legend", { class: "form-label", text: this.word("who") }), ...rows, add);
  }

  expression(body) { return this.moddle.create("bpmn:FormalExpression", { body }); }

  timer(timer) {
    const held = timer.timeDuration ?? timer.timeDate;
    return this.text(this.word("timer"), held?.body, (value) => {
      const date = /^\d/.test(value) || !/^P/.test(value);
      this.modeling.updateModdleProperties(this.element, timer, { timeDate: value && date ? this.expression(value) : undefined, timeDuration: value && !date ? this.expression(value) : undefined });
    }, this.word("timerHint"));
  }

  condition(what) {
    return this.area(this.word("condition"), what.conditionExpression?.body, (value) => this.set({ conditionExpression: value ? this.expression(value) : undefined }), this.word("conditionHint"));
  }
}

const EDGE = 20;
const SMALLEST = 0.45; // below it names cannot be read: then the drawing is moved instead

/** Show the drawing beside the palette that lies over the left edge, or under it where it is a row: from its beginning where all of it would be too small, unless it is wished whole. */
function fit(canvas, whole = false) {
  canvas.zoom("fit-viewport");
  const { inner, outer } = canvas.viewbox();
  if (!inner.width || !outer.width) return;
  const palette = $(".djs-palette", canvas.getContainer());
  const row = palette && palette.offsetWidth > outer.width / 2; // narrow pages
  const left = EDGE + (palette && !row ? palette.offsetLeft + palette.offsetWidth : 0);
  const top = EDGE + (row ? palette.offsetHeight : 0);
  const room = { width: outer.width - left - EDGE, height: outer.height - top - EDGE };
  const scale = Math.max(Math.min(1, room.width / inner.width, room.height / inner.height), whole ? 0 : SMALLEST);
  const spare = Math.max((room.width / scale - inner.width) / 2, 0);
  canvas.viewbox({ x: inner.x - left / scale - spare, y: inner.y - (top + Math.max(room.height - inner.height * scale, 0) / 2) / scale, width: outer.width / scale, height: outer.height / scale });
}

const FARTHEST = [0.2, 3];
const within = (scale) => Math.min(Math.max(scale, FARTHEST[0]), FARTHEST[1]);

/** One finger moves the drawing, two make it larger or smaller; buttons do the same for everybody. */
function handled(box, canvas) {
  const fingers = new Map();
  const middle = () => {
    const list = [...fingers.values()];
    const [one, two = one] = list;
    return { count: list.length, x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, apart: Math.hypot(one.x - two.x, one.y - two.y) };
  };
  let before = null;
  const again = () => { before = fingers.size ? middle() : null; };
  box.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || event.target.closest(".djs-palette, .djs-context-pad-parent, .djs-popup, .gx-flow-tools, .djs-direct-editing-parent")) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    again();
  });
  box.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const now = middle();
    canvas.scroll({ dx: now.x - before.x, dy: now.y - before.y });
    if (now.count > 1 && before.apart) {
      const edge = box.getBoundingClientRect();
      canvas.zoom(within(canvas.zoom() * (now.apart / before.apart)), { x: now.x - edge.left, y: now.y - edge.top });
    }
    before = now;
  });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, (event) => { if (fingers.delete(event.pointerId)) again(); });
  const words = JSON.parse(box.dataset.words);
  const button = (text, label, act) => {
    const one = made("button", { type: "button", class: "btn btn-icon", "aria-label": label, title: label, text });
    one.addEventListener("click", act);
    return one;
  };
  box.append(made("div", { class: "gx-flow-tools" },
    button("−", words.smaller, () => canvas.zoom(within(canvas.zoom() / 1.25), "auto")),
    button("+", words.larger, () => canvas.zoom(within(canvas.zoom() * 1.25), "auto")),
    button("⤢", words.whole, () => fit(canvas, true))));
}

async function opened(canvas, more = {}) {
  await vendor(canvas.dataset.library);
  const drawing = new window.BpmnJS({ container: canvas, moddleExtensions: { gx: OURS }, ...more });
  await drawing.importXML($("[data-xml]").value);
  fit(drawing.get("canvas"));
  handled(canvas, drawing.get("canvas"));
  return drawing;
}

each('[data-drawing="edit"]', async (canvas) => {
  const form = canvas.closest("form");
  const setup = JSON.parse($("[data-setup]").textContent);
  const translate = (text, values = {}) => (setup.words[text] ?? text).replace(/{([^}]+)}/g, (whole, name) => values[name] ?? whole);
  const modeler = await opened(canvas, { additionalModules: [{ translate: ["value", translate], __init__: ["fewer"], fewer: ["type", Fewer] }] });
  const panel = new Panel(modeler, $("[data-shape]", form), setup);
  modeler.on("selection.changed", ({ newSelection }) => panel.choose(newSelection.length === 1 ? newSelection[0] : null));
  modeler.on("commandStack.changed", async () => {
    $("[data-xml]").value = (await modeler.saveXML({ format: true })).xml;
    form.dispatchEvent(new Event("change", { bubbles: true }));
  });
  modeler.on("shape.replace", () => panel.draw());
  const wrong = canvas.dataset.wrong && modeler.get("elementRegistry").get(canvas.dataset.wrong);
  if (wrong) {
    modeler.get("canvas").addMarker(wrong, "gx-flow-failed");
    modeler.get("selection").select(wrong);
  }
  form.dataset.ready = "1";
});

each('[data-drawing="show"]', async (canvas) => {
  const viewer = await opened(canvas);
  const { marks, failed } = JSON.parse($("[data-marks]").textContent);
  const known = viewer.get("elementRegistry");
  for (const [id, state] of Object.entries(marks)) {
    if (known.get(id)) viewer.get("canvas").addMarker(id, state === "now" && failed ? "gx-flow-failed" : `gx-flow-${state}`);
  }
  canvas.dataset.ready = "1";
});

// A new workflow about other records offers other fields and rules.
on("change", "[data-about]", (_event, control) => location.assign(`?entity=${encodeURIComponent(control.value)}`));
