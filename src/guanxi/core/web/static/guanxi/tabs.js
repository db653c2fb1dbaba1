// Tabs of forms and record pages: opened by mouse, arrow keys, an address (#tab-KEY) or an error within them.
import { $, $$, each, on } from "./base.js";

const OWN_ADDRESS = (tabbed) => !tabbed.closest("dialog, #side");
const tabsOf = (tabbed) => $$(":scope > .gx-section-tabs > [data-section-tab]", tabbed);

function open(tab, focus = false) {
  const tabbed = tab.closest("[data-tabbed]");
  for (const one of tabsOf(tabbed)) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
  }
  for (const pane of $$(":scope > [data-section-pane]", tabbed)) pane.toggleAttribute("data-shut", pane.dataset.sectionPane !== tab.dataset.sectionTab);
  if (focus) tab.focus();
  tab.scrollIntoView({ block: "nearest", inline: "nearest" });
}
function choose(tab, focus) {
  open(tab, focus);
  if (OWN_ADDRESS(tab.closest("[data-tabbed]"))) history.replaceState(history.state, "", `#tab-${tab.dataset.sectionTab}`);
}
on("click", "[data-section-tab]", (_event, tab) => choose(tab));
on("keydown", "[data-section-tab]", (event, tab) => {
  const all = tabsOf(tab.closest("[data-tabbed]")).filter((one) => !one.hidden);
  const at = all.indexOf(tab);
  const next = { ArrowLeft: all.at(at - 1), ArrowRight: all[(at + 1) % all.length], Home: all[0], End: all.at(-1) }[event.key];
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  choose(next, true);
});

// What lies in a shut tab is brought to light: a field an error leads to, a tab the address names.
function reveal(element) {
  for (let pane = element.closest("[data-section-pane]"); pane; pane = pane.parentElement.closest("[data-section-pane]")) {
    const tab = $$("[data-section-tab]", pane.parentElement).find((one) => one.dataset.sectionTab === pane.dataset.sectionPane);
    if (tab) open(tab);
  }
}
on("click", ".gx-errors a[href^='#']", (_event, link) => {
  const field = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (field) reveal(field);
}, true);
function named(root) {
  const key = location.hash.startsWith("#tab-") ? decodeURIComponent(location.hash.slice(5)) : "";
  const tab = key ? $$("[data-section-tab]", root).find((one) => one.dataset.sectionTab === key) : null;
  if (!tab || !OWN_ADDRESS(tab.closest("[data-tabbed]"))) return;
  open(tab);
  if (tab.closest("[data-col='left']")) $(".gx-phone-tabs [data-tab='left']")?.click();
}
addEventListener("hashchange", () => named(document));

// A tab none of whose fields is shown for the present values is not offered.
function tidy(tabbed) {
  for (const tab of tabsOf(tabbed)) {
    const pane = document.getElementById(tab.getAttribute("aria-controls"));
    const fields = $$(".gx-field", pane);
    const empty = fields.length > 0 && fields.every((one) => one.hidden || one.closest("[data-when][hidden]"));
    if (tab.hidden !== empty) tab.hidden = empty;
  }
  const shown = tabsOf(tabbed).filter((one) => !one.hidden);
  if (shown.length && !shown.some((one) => one.getAttribute("aria-selected") === "true")) open(shown[0]);
}
each("[data-tabbed]", (tabbed) => {
  if (!$(".gx-section-tabs .gx-count", tabbed)) named(tabbed);
  tidy(tabbed);
  new MutationObserver(() => tidy(tabbed)).observe(tabbed, { subtree: true, attributes: true, attributeFilter: ["hidden"] });
});

// The layout of a new record may depend on its type: the form is drawn anew with what stands in it.
on("change", "form[data-typed]", (event, form) => {
  if (event.target.name !== form.dataset.typed) return;
  const again = Object.assign(document.createElement("input"), { type: "hidden", name: "_then", value: "lines" });
  form.append(again);
  form.requestSubmit();
  again.remove();
});

// Of a row of pages wider than the screen, the one that is open is in sight.
each("nav.gx-tabs [aria-current]", (tab) => {
  const row = tab.closest(".gx-tabs");
  const beyond = tab.getBoundingClientRect().right - row.getBoundingClientRect().right;
  if (beyond > 0) row.scrollLeft += beyond;
});
