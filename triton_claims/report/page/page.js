"use strict";
(() => {
  const facts = JSON.parse(document.getElementById("data").textContent);
  const SIGNS = { confirmed: "✓", baseline: "◇", refuted: "✗", premature: "‼", error: "⚠", undecided: "?", blocked: "⊘", unchecked: "–" };
  const MEANINGS = {
    confirmed: "what is claimed of the server holds",
    baseline: "what is claimed of other versions alone is absent here",
    refuted: "what is claimed does not hold",
    premature: "what must be absent was found",
    error: "server, engine or check broke",
    undecided: "measured, and not enough to decide",
    blocked: "something needed is not there",
    unchecked: "no check yet",
  };
  const byId = (id) => document.getElementById(id);

  // Text goes in as text: nothing that a server has said is ever read as HTML.
  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "class") made.className = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) if (child !== null && child !== undefined && child !== "") made.append(child);
    return made;
  }

  const claims = new Map(facts.claims.map((claim) => [claim.id, claim]));
  const cellsOf = new Map(facts.claims.map((claim) => [claim.id, []]));
  for (const cell of facts.cells) cellsOf.get(cell.claim).push(cell);
  const present = facts.order.filter((verdict) => (facts.counts[verdict] || 0) > 0);
  const shown = new Set(present);
  const told = (cell) => cell.verdict + (cell.accepted ? ", accepted" : "");
  const columnName = (column) => `${column.target} ${column.gpu}`;
  const isNarrow = facts.columns.length > 8;
  const isRoomy = facts.columns.length < 4; // then the reason of what has to be looked at stands beside it
  const first = (text, most) => (text.length > most ? `${text.slice(0, most)} …` : text);

  // ---- the matrix ----
  const rows = []; // {claim, row, entries: [{cell, button}]}
  function heading() {
    const cells = facts.columns.map((column) =>
      make("th", { scope: "col" }, column.target,
        make("small", {}, [column.server ? `Triton ${column.server}` : "no server answered", column.gpu, column.device].filter(Boolean).join(" · ")),
        facts.runs.length > 1 ? make("small", {}, facts.runs[column.run].run) : null));
    return make("tr", {}, make("th", { scope: "col" }, "Claim"), cells);
  }
  function cellButton(cell) {
    const column = facts.columns[cell.column];
    const where = [cell.protocol, column.target, column.gpu].filter(Boolean).join(", ");
    const change = cell.before !== undefined && cell.before !== told(cell) ? cell.before : null;
    const label = `${told(cell)}: ${cell.claim}, ${where}${change ? `; before: ${change}` : ""}`;
    const button = make("button", {
      type: "button", tabindex: "-1", "aria-label": label, title: cell.reason ? first(cell.reason, 300) : label,
      class: `cell v-${cell.verdict}${cell.accepted ? " is-accepted" : ""}${cell.fails ? " fails" : ""}`,
    }, `${SIGNS[cell.verdict]} `, isNarrow ? "" : `${told(cell)} `, cell.protocol ? make("span", {}, cell.protocol) : "",
      change ? make("span", { class: "was" }, `was ${change}`) : null);
    button.cell = cell;
    if (isRoomy && !["confirmed", "baseline"].includes(cell.verdict)) button.append(make("span", { class: "why" }, first(cell.reason || "", 160)));
    return button;
  }
  function fill() {
    const bodies = [];
    let section = null, body = null;
    for (const claim of facts.claims) {
      if (claim.section !== section || !body) {
        section = claim.section;
        body = make("tbody", {}, make("tr", { class: "of-section" },
          make("th", { scope: "rowgroup", colspan: facts.columns.length + 1, class: "section" }, section)));
        bodies.push(body);
      }
      const entries = cellsOf.get(claim.id).map((cell) => ({ cell, button: cellButton(cell) }));
      const places = facts.columns.map((_, place) =>
        make("td", {}, entries.filter((entry) => entry.cell.column === place).map((entry) => entry.button)));
      let without = null;
      if (!entries.length) {
        without = make("button", { type: "button", tabindex: "-1", class: "cell v-unchecked", "aria-label": `unchecked: ${claim.id}` }, `${SIGNS.unchecked} unchecked: no check yet`);
        without.claim = claim;
        places.splice(0, places.length, make("td", { colspan: Math.max(1, facts.columns.length) }, without));
      }
      const row = make("tr", {}, make("th", { scope: "row" }, make("code", {}, claim.id), make("small", {}, claim.statement)), places);
      body.append(row);
      rows.push({ claim, row, body, entries, without });
    }
    byId("matrix").querySelector("thead").append(heading());
    byId("matrix").append(...bodies);
  }

  // ---- filters ----
  const fields = ["section", "area", "kind", "target", "gpu"];
  function options(id, values) {
    for (const value of [...new Set(values)].filter(Boolean)) byId(id).append(make("option", { value }, value));
  }
  function chips() {
    for (const verdict of present) {
      const chip = make("button", { type: "button", class: `chip v-${verdict}`, "aria-pressed": "true", title: MEANINGS[verdict], "data-verdict": verdict },
        `${SIGNS[verdict]} ${facts.counts[verdict]} ${verdict}`);
      chip.addEventListener("click", () => {
        if (shown.has(verdict)) shown.delete(verdict); else shown.add(verdict);
        chip.setAttribute("aria-pressed", String(shown.has(verdict)));
        filter();
      });
      byId("verdicts").append(chip);
    }
    if (facts.counts.accepted) byId("verdicts").append(make("span", {}, `(${facts.counts.accepted} of them accepted)`));
    const failing = present.filter((verdict) => !["confirmed", "baseline", "blocked", "unchecked"].includes(verdict));
    const only = make("button", { type: "button", id: "failing" }, "Only what fails");
    only.addEventListener("click", () => { show(failing); filter(); });
    if (failing.length) byId("verdicts").append(only);
  }
  function show(verdicts) {
    shown.clear();
    for (const verdict of verdicts) shown.add(verdict);
    for (const chip of document.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", String(shown.has(chip.dataset.verdict)));
  }
  const hay = new Map();
  function words(cell) {
    if (!hay.has(cell)) hay.set(cell, [cell.reason, told(cell), ...cell.evidence.map((piece) => `${piece.title} ${piece.text}`)].join("\n").toLowerCase());
    return hay.get(cell);
  }
  let grid = [];
  function filter() {
    const wanted = Object.fromEntries(fields.map((id) => [id, byId(id).value]));
    const search = byId("search").value.trim().toLowerCase();
    const changed = byId("change") && byId("change").value;
    let cells = 0, lines = 0;
    grid = [];
    const bodies = new Map();
    for (const { claim, row, body, entries, without } of rows) {
      const fits = ["section", "area", "kind"].every((id) => !wanted[id] || claim[id] === wanted[id]);
      const named = !search || `${claim.id}\n${claim.statement}`.toLowerCase().includes(search);
      const line = [];
      for (const { cell, button } of entries) {
        const column = facts.columns[cell.column];
        const visible = fits && shown.has(cell.verdict) && (!wanted.target || column.target === wanted.target)
          && (!wanted.gpu || column.gpu === wanted.gpu) && (named || words(cell).includes(search))
          && (!changed || cell.before !== told(cell));
        button.hidden = !visible;
        if (visible) line.push(button);
      }
      if (without) {
        const visible = fits && named && shown.has("unchecked") && !wanted.target && !wanted.gpu && !changed;
        without.hidden = !visible;
        if (visible) line.push(without);
      }
      row.hidden = !line.length;
      if (line.length) { grid.push(line); lines += 1; cells += without ? 0 : line.length; bodies.set(body, true); }
    }
    for (const body of byId("matrix").tBodies) body.hidden = !bodies.has(body);
    byId("shown").textContent = `${lines} of ${rows.length} claims and ${cells} of ${facts.cells.length} cells shown`;
    const current = byId("matrix").querySelector('[tabindex="0"]');
    if (current) current.tabIndex = -1;
    if (grid.length) grid[0][0].tabIndex = 0;
  }

  // ---- moving about ----
  function move(event) {
    const from = event.target.closest(".cell");
    if (!from) return;
    const row = grid.findIndex((line) => line.includes(from));
    if (row < 0) return;
    const place = grid[row].indexOf(from);
    const steps = { ArrowRight: [row, place + 1], ArrowLeft: [row, place - 1], ArrowDown: [row + 1, place], ArrowUp: [row - 1, place], Home: [row, 0], End: [row, grid[row].length - 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const line = grid[Math.min(Math.max(step[0], 0), grid.length - 1)];
    const to = line[Math.min(Math.max(step[1], 0), line.length - 1)];
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // ---- the evidence of a cell ----
  const list = (pairs) => make("dl", {}, pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  const table = (head, lines) => make("table", {}, make("thead", {}, make("tr", {}, head.map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, lines.map((line) => make("tr", {}, line.map((value) => make("td", {}, String(value)))))));
  const figure = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : value ?? "-");
  function copying(text) {
    const button = make("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(button.previousElementSibling); button.textContent = "Selected: press Ctrl-C"; }
    });
    return button;
  }
  function ofClaim(claim) {
    return list([["Claimed", claim.statement], ["Kind", claim.kind], ["Said in", claim.section], ["Holds in", claim.versions], ["Needs", claim.needs.join(", ")], ["Check", claim.check || "none yet"]]);
  }
  function ofCell(cell, claim) {
    const column = facts.columns[cell.column];
    const implied = { holds: "the claim holds", absent: "the claim does not hold: it is of other versions" }[cell.expectation] || "nothing: no server answered";
    const parts = [
      make("p", {}, make("strong", { class: `chip v-${cell.verdict}` }, `${SIGNS[cell.verdict]} ${told(cell)}`), ` ${MEANINGS[cell.verdict]}`),
      list([["Target", column.target], ["Server", cell.server_version], ["GPU", [column.gpu, column.device].filter(Boolean).join(" ")], ["Protocol", cell.protocol], ["Compared with", cell.baseline_version], ["Docker host", cell.docker_host], ["Shard", cell.shard], ["Before", cell.before], ["Accepted", cell.accepted]]),
      make("h3", {}, "Claimed"), ofClaim(claim),
      make("h3", {}, "The notes imply"), make("p", {}, implied),
      make("h3", {}, "Seen"), make("pre", { tabindex: "0" }, cell.reason || "nothing"),
    ];
    if (cell.measurements.length || (cell.loads || []).length || (cell.starts || []).length) {
      parts.push(make("h3", {}, "Measured"));
      if (cell.measurements.length) parts.push(table(["what", "value", "unit"], cell.measurements.map((each) => [each.name, figure(each.value), each.unit])));
      if ((cell.loads || []).length) parts.push(table(["load", "p50 s", "p90 s", "p99 s", "a second", "requests", "starts", "by"], cell.loads.map((each) => [each.load, ...[each.p50, each.p90, each.p99, each.throughput].map(figure), each.requests, each.starts, each.engine])));
      if ((cell.starts || []).length) parts.push(table(["start of", "median s", "slowest s", "starts"], cell.starts.map((each) => [each.model, figure(each.median), figure(each.high), each.starts])));
    }
    for (const picture of cell.pictures || []) {
      const source = facts.pictures[`${column.run}/${picture.file}`];
      parts.push(make("h3", {}, picture.title), source ? make("img", { src: source, alt: picture.title }) : make("p", {}, `${picture.file} is not beside the ledger`));
    }
    if (cell.evidence.length) parts.push(make("h3", {}, "Evidence"));
    cell.evidence.forEach((piece, number) => parts.push(make("details", { open: number === 0 }, make("summary", {}, piece.title), make("pre", { tabindex: "0" }, piece.text))));
    parts.push(make("h3", {}, "Reproduce"), make("pre", { tabindex: "0" }, cell.reproduce), copying(cell.reproduce));
    parts.push(make("p", {}, `Took ${figure(cell.seconds)} s.`));
    return parts;
  }
  let opener = null;
  function open(button) {
    const claim = button.claim || claims.get(button.cell.claim);
    opener = button;
    byId("details-title").textContent = claim.id;
    byId("details-body").replaceChildren(...(button.cell ? ofCell(button.cell, claim) : [make("p", {}, make("strong", { class: "chip v-unchecked" }, `${SIGNS.unchecked} unchecked`), ` ${MEANINGS.unchecked}`), ofClaim(claim)]));
    byId("details").showModal();
    byId("details").scrollTop = 0;
  }

  // ---- light and dark ----
  function theme() {
    const root = document.documentElement, button = byId("theme");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
    const tell = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; tell(); });
    tell();
  }

  fill();
  chips();
  options("section", facts.claims.map((claim) => claim.section));
  options("area", facts.claims.map((claim) => claim.area));
  options("kind", facts.claims.map((claim) => claim.kind));
  options("target", facts.columns.map((column) => column.target));
  options("gpu", facts.columns.map((column) => column.gpu));
  for (const id of [...fields, "change"]) byId(id)?.addEventListener("change", filter);
  byId("search").addEventListener("input", filter);
  byId("reset").addEventListener("click", () => {
    show(present);
    for (const id of [...fields, "change"]) if (byId(id)) byId(id).value = "";
    byId("search").value = "";
    filter();
  });
  byId("matrix").addEventListener("click", (event) => { const button = event.target.closest(".cell"); if (button) open(button); });
  byId("matrix").addEventListener("keydown", move);
  byId("close").addEventListener("click", () => byId("details").close());
  byId("details").addEventListener("close", () => opener?.focus());
  theme();
  filter();
  document.documentElement.dataset.ready = "yes";
})();
