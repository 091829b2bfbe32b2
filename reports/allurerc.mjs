// Allure 3's configuration: an environment for each target and GPU, categories that mirror our verdicts, a quality
// gate that mirrors pytest's exit code.
//
//   npx allure generate --config reports/allurerc.mjs reports/allure-results
//
// RESULTS names another folder of results, OUTPUT another folder for the report.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

// Allure 3.18 calls a method of iterators that Node has had since version 22.
const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
if (!iterators.toArray) {
  Object.defineProperty(iterators, "toArray", { value: function () { return [...this]; }, configurable: true });
}

const results = process.env.RESULTS ?? "reports/allure-results";

// Allure takes the same check on two GPUs for a second try of one test, and shows the last one alone, unless
// they are told apart by an environment: a failure on one GPU would vanish behind a pass on another.
function environmentsOf(folder) {
  const found = new Map();
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith("-result.json")) : [];
  for (const file of files) {
    const labels = JSON.parse(readFileSync(join(folder, file), "utf-8")).labels ?? [];
    const place = placeOf(labels);
    if (place) found.set(`${place.target} ${place.gpu}`, place);
  }
  const environments = {};
  for (const [name, place] of [...found].sort()) {
    // Neither id nor name may have more than 64 characters or look like a path, and a target may be both.
    const id = createHash("sha256").update(name).digest("hex").slice(0, 16);
    environments[id] = {
      // Shortened ones may be alike, and two of one name are refused: the id tells them apart.
      name: (name.length > 64 ? `${name.slice(0, 19)}…${name.slice(-36)} ${id.slice(0, 6)}` : name).replace(/[/\\]/g, "∕"),
      variables: place,
      matcher: ({ labels }) => {
        const here = placeOf(labels);
        return here?.target === place.target && here?.gpu === place.gpu;
      },
    };
  }
  return environments;
}

function placeOf(labels) {
  const label = (wanted) => labels.find(({ name }) => name === wanted)?.value;
  const [target, gpu] = [label("target"), label("gpu")];
  return target && gpu ? { target, gpu } : undefined;
}

const DECIDED = ["confirmed", "refuted", "baseline", "premature"];
const verdictIs = (verdict) => ({ labels }) => labels.some(({ name, value }) => name === "verdict" && value === verdict);
const isAccepted = ({ labels }) => labels.some(({ name, value }) => name === "tag" && value.endsWith(", accepted"));

export default {
  name: "triton-claims",
  output: process.env.OUTPUT ?? "reports/allure-report",
  historyPath: process.env.HISTORY ?? "reports/allure-history.jsonl",
  environments: environmentsOf(results),
  categories: [
    { name: "Accepted: looked into, and does not fail the run", matchers: [isAccepted] },
    { name: "Refuted: what is claimed does not hold", matchers: [verdictIs("refuted")] },
    { name: "Premature: what must be absent was found", matchers: [verdictIs("premature")] },
    { name: "Undecided: not enough was measured", matchers: [verdictIs("undecided")] },
    { name: "Error: server, engine or check broke", matchers: [verdictIs("error")] },
    { name: "Blocked: something needed is not there", matchers: [verdictIs("blocked")] },
    { name: "Baseline: absent on other versions, as it must be", matchers: [verdictIs("baseline")] },
  ],
  // As pytest's exit code: nobody has to look at anything, and something was decided.
  qualityGate: {
    rules: [{ id: "verdicts", failing: 0, decided: 1 }],
    use: [
      {
        rule: "failing",
        message: ({ actual, expected }) => `${actual} cells refuted, premature, undecided or in error, at most ${expected} may be`,
        validate: async ({ trs, expected }) => {
          const failing = trs.filter(({ status }) => status === "failed" || status === "broken");
          return { success: failing.length <= expected, actual: failing.length, testResults: failing.map(({ id }) => id) };
        },
      },
      {
        rule: "decided",
        message: ({ actual, expected }) => `${actual} cells were decided, at least ${expected} must be`,
        validate: async ({ trs, expected }) => {
          const decided = trs.filter((result) => DECIDED.some((verdict) => verdictIs(verdict)(result)));
          return { success: decided.length >= expected, actual: decided.length, testResults: [] };
        },
      },
    ],
  },
  plugins: {
    awesome: {
      options: {
        singleFile: true,
        groupBy: ["epic", "feature", "story"],
      },
    },
  },
};
