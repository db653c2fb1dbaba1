// Runs before the first paint: turns the wish "auto" into light or dark, and remembers the folded navigation.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const wish = root.dataset.theme || "auto";
    root.dataset.bsTheme = wish === "auto" ? (dark.matches ? "dark" : "light") : wish;
  };
  apply();
  dark.addEventListener("change", apply);
  new MutationObserver(apply).observe(root, { attributeFilter: ["data-theme"] });
  if (localStorage.getItem("gx-nav") === "folded") root.dataset.nav = "folded";
})();
