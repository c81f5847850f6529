"use strict";
(() => {
  const root = document.documentElement;
  const THEMES = ["auto", "light", "dark"];
  const SIGNS = { auto: "◐", light: "☀", dark: "☾" };
  let theme = "auto";
  // Some browsers keep nothing for a page that was opened from disk.
  try { theme = localStorage.getItem("gpt-oss-fleet-theme") || theme; } catch { /* then it starts as the system has it */ }
  const dress = (name) => {
    theme = THEMES.includes(name) ? name : "auto";
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  };
  root.classList.add("js");
  dress(theme);

  const start = () => {
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];
    const byId = (id) => document.getElementById(id);

    const button = byId("theme");
    const label = () => {
      button.textContent = `${SIGNS[theme]} ${theme}`;
      button.setAttribute("aria-label", `Colour theme: ${theme === "auto" ? "as the system" : theme}`);
    };
    button.addEventListener("click", () => {
      dress(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
      try { localStorage.setItem("gpt-oss-fleet-theme", theme); } catch { /* it lasts as long as the page */ }
      label();
    });
    label();

    const filter = byId("filter");
    const only = byId("only");
    const heat = all(".heat tbody tr");
    // Looked up when they are first needed: a page of hundreds of hosts opens sooner.
    let rows = null;
    let marks = null;
    const apply = () => {
      rows ??= all("[data-name]").map((element) => ({ element, text: element.dataset.name.toLowerCase() }));
      marks ??= all("svg [data-tip]").map((element) => ({ element, text: element.dataset.tip.toLowerCase() }));
      const wanted = filter.value.trim().toLowerCase();
      for (const { element, text } of rows) {
        const hidden = !text.includes(wanted) || (only.checked && element.dataset.verdict === "good");
        element.toggleAttribute("data-hidden", hidden);
      }
      // A mark's text begins with its host; its verdict, where it has one, comes last.
      for (const { element, text } of marks) {
        element.classList.toggle("dim", !text.includes(wanted) || (only.checked && text.endsWith(", good")));
      }
      const shown = heat.filter((row) => !row.hasAttribute("data-hidden")).length;
      byId("shown").textContent = shown < heat.length ? `${shown} of ${heat.length} shown.` : "";
    };
    let timer = 0;
    const soon = () => { clearTimeout(timer); timer = setTimeout(apply, 120); };
    filter.addEventListener("input", soon);
    only.addEventListener("change", apply);
    if (filter.value || only.checked) apply();

    const hosts = all("details.host");
    const reveal = () => {
      const target = byId(location.hash.slice(1));
      if (!target || !target.matches("details")) return;
      target.removeAttribute("data-hidden");
      target.open = true;
      target.scrollIntoView();
    };
    addEventListener("hashchange", reveal);
    // A link to where one is already changes nothing, so it is no hashchange.
    document.addEventListener("click", (event) => {
      const link = event.target.closest('a[href^="#host-"]');
      if (link && link.hash === location.hash) reveal();
    });
    reveal();
    byId("open").addEventListener("click", () => hosts.forEach((host) => { host.open = !host.hasAttribute("data-hidden"); }));
    byId("close").addEventListener("click", () => hosts.forEach((host) => { host.open = false; }));
    addEventListener("beforeprint", () => hosts.forEach((host) => { host.open = host.open || host.dataset.verdict !== "good"; }));

    const tip = byId("tip");
    const show = (event) => {
      const mark = event.target.closest("[data-tip]");
      tip.hidden = !mark;
      if (!mark) return;
      tip.textContent = mark.dataset.tip;
      const { clientWidth: width, clientHeight: height } = root;
      const box = tip.getBoundingClientRect();
      tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, width - box.width - 8))}px`;
      tip.style.top = `${event.clientY + 16 + box.height > height ? event.clientY - box.height - 10 : event.clientY + 16}px`;
    };
    document.addEventListener("pointerover", show);
    document.addEventListener("pointerdown", show);
    document.addEventListener("scroll", () => { tip.hidden = true; }, true);
  };
  document.addEventListener("DOMContentLoaded", start);
})();
