// A classic script in the head: applies the stored theme before the first paint.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
  try {
    const kept = localStorage.getItem("hdscan-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch {
    // without storage, follow the system's theme
  }
  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("#theme");
    const label = () => button.querySelector("span").replaceChildren(now() === "dark" ? "Light" : "Dark");
    button.addEventListener("click", () => {
      root.dataset.theme = now() === "dark" ? "light" : "dark";
      label();
      try {
        localStorage.setItem("hdscan-theme", root.dataset.theme);
      } catch {
        // without storage, the choice holds for this page only
      }
    });
    dark.addEventListener("change", label);
    label();
  });
})();
