// What Allure's page (3.18.0) lacks for those who do not see it well: names of its icon buttons and charts, one
// interactive element inside another, and a red on which white is not read easily. scripts/finish-allure-report
// puts this into the report.
(() => {
  // By how the path of the icon begins: the classes are hashes, and most of the buttons have no data-testid.
  const ICONS = [
    ["M8 17h8", "All results"],
    ["m14 10 7-7", "Enlarge"],
    ["M4 16.242", "Download"],
    ["m6 9 6 6 6-6", "Open or close"],
    ["m3 4.5 3 3", "Open or close"],
  ];
  const TEST_IDS = {
    "toggle-layout-button": "One column or two",
    "tree-arrow": "Open or close",
    "tree-subtree-toggle": "Open or close with all below",
    "test-result-steps-subtree-toggle": "Open or close with all below",
    "test-result-step-arrow-button": "Open or close",
    "test-result-nav-prev": "Previous result",
    "test-result-nav-next": "Next result",
    "test-result-env-item-new-tab-button": "Open in a new tab",
  };
  const OURS = "data-named-for-accessibility";

  function purposeOf(button) {
    const testId = button.dataset.testid;
    if (TEST_IDS[testId]) return TEST_IDS[testId];
    if (button.matches("[data-testid=toggle-layout-button] ~ button")) return "Light or dark";
    const path = button.querySelector("path")?.getAttribute("d") ?? "";
    const known = ICONS.find(([begins]) => path.startsWith(begins));
    if (known) return known[1];
    return testId ? testId.replaceAll("-", " ") : "Open or close";
  }

  function nameButtons() {
    for (const button of document.querySelectorAll("button")) {
      const named = button.hasAttribute("aria-label") || button.hasAttribute("aria-labelledby");
      if (button.textContent.trim() || (named && !button.hasAttribute(OURS))) continue;
      const title = button.parentElement.querySelector("[data-testid$=-title]");
      const name = purposeOf(button) + (title ? `: ${title.textContent.trim()}` : "");
      if (button.getAttribute("aria-label") === name) continue;
      button.setAttribute("aria-label", name);
      button.setAttribute(OURS, "");
    }
  }

  function nameCharts() {
    for (const chart of document.querySelectorAll("[role=img]:not([aria-label])")) {
      let around = chart.parentElement;
      while (around && !around.querySelector("[class*=headings-head]")) around = around.parentElement;
      chart.setAttribute("aria-label", around?.querySelector("[class*=headings-head]").textContent ?? "Chart");
    }
  }

  // A row that is a button for the mouse alone, with a real button in it.
  function unnestButtons() {
    for (const row of document.querySelectorAll("div[role=button]:not([tabindex])")) {
      if (row.querySelector("button")) row.removeAttribute("role");
    }
  }

  let waits = false;
  function mend() {
    waits = false;
    nameButtons();
    nameCharts();
    unnestButtons();
  }
  new MutationObserver(() => {
    if (!waits) requestAnimationFrame(mend);
    waits = true;
  }).observe(document, { childList: true, subtree: true, characterData: true });

  const style = document.createElement("style");
  style.textContent = ":root { --color-status-failed-bg: #d92d2a !important; }";
  document.head.append(style);
})();
