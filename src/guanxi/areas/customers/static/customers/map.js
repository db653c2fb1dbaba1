// The relationship map: people and companies as a graph one can drag, and change through the same dialogs as elsewhere.
import { $, csrf, each } from "../guanxi/base.js";
import { toast } from "../guanxi/toast.js";

let library;
/** The drawing library, loaded when the first map is seen. */
function drawing(source) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.addEventListener("load", () => resolve(window.cytoscape));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return library;
}

const ATTITUDES = { champion: "#1b6b37", friendly: "#0b6660", neutral: "#1d57b8", sceptical: "#b07d00", hostile: "#a32020" };
const colour = (name, fallback) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || fallback;

function look() {
  const text = colour("--gx-text", "#1f2733");
  const muted = colour("--gx-muted", "#5b6675");
  const line = colour("--gx-line-strong", "#8b95a5");
  const surface = colour("--gx-surface", "#ffffff");
  const font = { "font-size": 12, "font-family": "sans-serif" };
  return [
    { selector: "node", style: { label: "data(shown)", color: text, "text-valign": "bottom", "text-margin-y": 4, "text-wrap": "wrap", "text-max-width": 120, "background-color": muted, width: 28, height: 28, ...font } },
    { selector: "node[kind='company']", style: { shape: "round-rectangle", "background-color": "#1d57b8", width: 34 } },
    { selector: "node[?center]", style: { width: 48, height: 40, "font-weight": "bold" } },
    { selector: "node[colour]", style: { "background-color": "data(colour)" } },
    { selector: "node[role='decides']", style: { "border-width": 4, "border-color": "#c26a00" } },
    { selector: "edge", style: { width: 1.5, "line-color": line, "curve-style": "bezier", label: "data(label)", color: muted, "font-size": 10, "text-background-color": surface, "text-background-opacity": 0.9, "text-background-padding": 2 } },
    { selector: "edge[kind='link'], edge[kind='parent']", style: { "target-arrow-shape": "triangle", "target-arrow-color": line, "line-color": "#1d57b8", "target-arrow-color": "#1d57b8" } },
    { selector: "edge[kind='reports']", style: { "target-arrow-shape": "vee", "target-arrow-color": line, "line-style": "dashed" } },
    { selector: "edge[?past]", style: { "line-style": "dotted", opacity: 0.6 } },
    { selector: ":selected", style: { "overlay-color": "#2f6fed", "overlay-opacity": 0.2, "overlay-padding": 6 } },
  ];
}

function elements(graph, kept) {
  const nodes = graph.nodes.map((node) => ({
    group: "nodes",
    data: { ...node, shown: node.hint && node.kind === "contact" ? `${node.label}\n${node.hint}` : node.label, colour: ATTITUDES[node.attitude] },
    position: kept[node.id],
  }));
  return [...nodes, ...graph.edges.map((edge) => ({ group: "edges", data: edge }))];
}

const ARRANGE = { name: "cose", animate: false, randomize: true, nodeRepulsion: 9000, idealEdgeLength: 90, padding: 24, nodeDimensionsIncludeLabels: true };

function remember(map, graph) {
  const places = {};
  graph.nodes().forEach((node) => { places[node.id()] = node.position(); });
  try { localStorage.setItem(`gx-map-${map.dataset.map}`, JSON.stringify(places)); } catch { /* full or forbidden: not kept */ }
}

function kept(map) {
  try { return JSON.parse(localStorage.getItem(`gx-map-${map.dataset.map}`)) ?? {}; } catch { return {}; }
}

const dialog = (url) => window.htmx.ajax("GET", url, { source: "#dialog", target: "#dialog-body" });
const path = (data) => (data.kind === "contact" ? "contacts" : "customers");

function control(words, text, run, kind = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `btn btn-sm ${kind}`;
  button.textContent = text;
  button.addEventListener("click", run);
  return button;
}

/** What can be done with the chosen node or line. */
function choose(map, words, item) {
  const data = item.data();
  const chosen = $("[data-map-chosen]", map);
  const name = document.createElement("strong");
  const note = document.createElement("span");
  note.className = "text-secondary";
  chosen.replaceChildren(name, note);
  if (item.isNode()) {
    name.textContent = data.label;
    note.textContent = [data.kind === "contact" ? data.hint : "", data.role_label, data.attitude_label].filter(Boolean).join(" · ");
    const open = document.createElement("a");
    open.className = "btn btn-sm";
    open.href = `/${path(data)}/${data.record_id}/`;
    open.textContent = words.open;
    chosen.append(open, control(words, words.peek, () => window.htmx.ajax("GET", `${open.getAttribute("href")}peek/`, { source: "#side", target: "#side" })));
    if (data.editable) chosen.append(control(words, words.edit, () => dialog(`/${path(data)}/${data.record_id}/edit/?stay=1`)));
  } else {
    name.textContent = data.label || words.works;
    note.textContent = `${item.source().data("label")} → ${item.target().data("label")}`;
    const room = data.kind === "link" ? "customer-relations" : data.kind === "works" && data.record_id ? "affiliations" : "";
    if (data.editable && room) {
      chosen.append(control(words, words.edit, () => dialog(`/${room}/${data.record_id}/edit/?stay=1`)));
      chosen.append(control(words, words.remove, () => dialog(`/${room}/${data.record_id}/delete/?stay=1`)));
    } else if (data.editable && data.kind === "works") {
      chosen.append(control(words, words.edit, () => dialog(`/contacts/${item.source().data("record_id")}/edit/?stay=1`)));
    } else if (data.editable && data.kind === "reports") {
      chosen.append(control(words, words.remove, () => report(words, item.source().data("record_id"), "")));
    }
  }
  const connect = $("[data-map-connect]", map);
  if (connect) connect.disabled = !(item.isNode() && data.editable);
}

/** Set whom a person reports to. */
async function report(words, person, boss) {
  const answer = await fetch(`/contacts/${person}/field/reports_to/`, {
    method: "POST",
    headers: { "X-CSRFToken": csrf(), "HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ reports_to: boss }),
  });
  if (!answer.ok) { toast({ text: words.no, level: "error" }); return; }
  toast({ text: words.saved });
  document.dispatchEvent(new CustomEvent("gx:refresh"));
}

/** Connect two nodes: companies by a relation, a person with a company by a place, two people by reporting. */
function connect(words, from, to) {
  const [one, other] = [from.data(), to.data()];
  if (one.kind !== "contact" && other.kind !== "contact") dialog(`/customer-relations/new/?customer=${one.record_id}&other=${other.record_id}&stay=1`);
  else if (one.kind === "contact" && other.kind === "contact") report(words, one.record_id, other.record_id);
  else {
    const [person, company] = one.kind === "contact" ? [one, other] : [other, one];
    dialog(`/affiliations/new/?contact=${person.record_id}&customer=${company.record_id}&stay=1`);
  }
}

function fillChooser(map, graph) {
  const chooser = $("[data-map-choose]", map);
  graph.elements().forEach((item) => {
    const text = item.isNode() ? item.data("label") : `${item.source().data("label")} → ${item.target().data("label")} ${item.data("label")}`;
    chooser.add(new Option(text, item.id()));
  });
  chooser.addEventListener("change", () => {
    graph.elements().unselect();
    if (chooser.value) graph.getElementById(chooser.value).select();
  });
}

async function draw(map) {
  const data = JSON.parse($("[data-map-graph]", map).textContent);
  const words = JSON.parse(map.dataset.words);
  const cytoscape = await drawing(map.dataset.library);
  const places = kept(map);
  const whole = data.nodes.every((node) => places[node.id]);
  const graph = cytoscape({
    container: $(".gx-map-canvas", map),
    elements: elements(data, whole ? places : {}),
    style: look(),
    layout: whole ? { name: "preset", padding: 24 } : ARRANGE,
    userZoomingEnabled: false,
    maxZoom: 1.25,
  });
  let from = null;
  const stop = () => { from = null; delete map.dataset.connecting; };
  graph.on("select", (event) => {
    if (from && event.target.isNode() && event.target.id() !== from.id()) { connect(words, from, event.target); stop(); return; }
    choose(map, words, event.target);
  });
  graph.on("dragfree", () => remember(map, graph));
  $("[data-map-connect]", map)?.addEventListener("click", () => {
    from = graph.nodes(":selected")[0] ?? null;
    if (!from) return;
    map.dataset.connecting = "";
    $("[data-map-chosen]", map).textContent = words.connect.replace("{name}", from.data("label"));
  });
  map.addEventListener("keydown", (event) => { if (event.key === "Escape" && from) { stop(); event.stopPropagation(); } });
  $("[data-map-arrange]", map).addEventListener("click", () => { graph.layout(ARRANGE).run(); remember(map, graph); });
  fillChooser(map, graph);
  map.graph = graph;
}

// A change refreshes the page: who was looking at the map goes on looking at it.
let looking = false;
document.addEventListener("gx:refresh", () => { looking = $("[data-main-tab='map'][aria-selected='true']") !== null; }, true);

// Drawn when it is seen for the first time: a folded panel costs nothing.
each("[data-map]", (map) => {
  if (looking) { looking = false; $("[data-main-tab='map']")?.click(); }
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    draw(map);
  });
  watcher.observe(map);
});
