"use strict";
// Asks for the report each second and puts what changed into the page.
(() => {
  const page = document.body.dataset;
  if (!page.component || !location.protocol.startsWith("http")) return;

  const MARKS = { "covered": "✓", "not-executed": "✗", "not-armed": "!", "unobservable": "?", "excluded": "–" };
  const byId = (id) => document.getElementById(id);
  const words = (state) => state.replace("-", " ");

  const subjects = new Map();
  for (const element of document.querySelectorAll("[data-point]")) {
    const id = Number(element.dataset.point);
    subjects.set(id, [...(subjects.get(id) ?? []), element]);
  }

  const about = (count) => "~" + String(count).replace(/\B(?=(\d{3})+$)/g, " ");

  // Put in the words of html.rs.
  function say(item) {
    let text = words(item.state);
    if (item.state === "covered") text = page.type === "bool" ? "ran" : `${item.estimated ? about(item.count) : item.count} ×`;
    if (item.firstHit) text += `, first ${item.firstHit.slice(0, 10)} ${item.firstHit.slice(11, 19)} UTC`;
    const reason = item.reason?.replace(`${item.state}: `, "");
    if (reason) text += ` (${reason})`;
    return text;
  }

  function showItem(item) {
    // What no site can tell does not change.
    if (item.state === "unobservable" || item.state === "excluded") return;
    for (const element of subjects.get(item.id) ?? []) {
      if (element.dataset.state !== item.state) {
        element.dataset.state = item.state;
        element.classList.add("new");
        const mark = element.querySelector(":scope > .mark");
        mark.textContent = MARKS[item.state];
        mark.setAttribute("aria-label", words(item.state));
      }
      const text = element.querySelector(":scope > .say");
      if (text) put(text, (element.dataset.prefix ?? "") + say(item));
    }
  }

  function put(element, text) {
    if (element && element.textContent !== String(text)) element.textContent = text;
  }

  function showTotals(metrics) {
    const totals = {
      "covered": metrics.covered, "not-executed": metrics.notExecuted, "not-armed": metrics.notArmed,
      "unobservable": metrics.unobservable, "excluded": metrics.excluded,
    };
    put(byId("rate"), metrics.coveredRate);
    put(byId("covered"), metrics.covered);
    put(byId("total"), metrics.total);
    document.title = `${metrics.coveredRate}% ${page.app} ${page.version}`;
    const all = Object.values(totals).reduce((sum, count) => sum + count, 0);
    let x = 0;
    for (const [state, count] of Object.entries(totals)) {
      put(document.querySelector(`[data-total="${state}"]`), count);
      const bar = document.querySelector(`[data-bar="${state}"]`);
      const width = all ? Math.floor(count * 1000 / all) : 0;
      bar.setAttribute("x", x);
      bar.setAttribute("width", width);
      x += width;
    }
  }

  function showFiles(items) {
    const files = new Map();
    for (const { file, state } of items) {
      const sums = files.get(file) ?? { covered: 0, total: 0 };
      sums.covered += state === "covered";
      sums.total += state === "covered" || state === "not-executed" || state === "not-armed";
      files.set(file, sums);
    }
    for (const element of document.querySelectorAll("[data-file]")) {
      const sums = files.get(element.dataset.file);
      if (sums?.total) put(element, `${sums.covered}/${sums.total} covered`);
    }
  }

  let lastRelease;
  let lastVersion = "";
  let answered = new Date();

  async function refresh() {
    const query = new URLSearchParams({ order: "2", component: page.component });
    const options = { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10_000) };
    const response = await fetch(`${location.pathname}?${query}`, options);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const answer = await response.json();
    const { metrics } = answer.results[0];
    answered = new Date();
    // Another plan is another page.
    const release = `${answer.name} ${answer.version}`;
    lastRelease ??= release;
    if (release !== lastRelease || metrics.items.length !== Number(page.items)) {
      location.reload();
      return;
    }
    // What is not armed is not part of the version.
    const version = `${metrics.version} ${metrics.notArmed}`;
    if (version === lastVersion) return;
    lastVersion = version;
    metrics.items.forEach(showItem);
    showTotals(metrics);
    showFiles(metrics.items);
  }

  async function poll() {
    const stale = byId("stale");
    const asked = performance.now();
    try {
      await refresh();
      stale.hidden = true;
    } catch {
      stale.textContent = `No answer from goat since ${answered.toLocaleTimeString()}: what is below may be old.`;
      stale.hidden = false;
    }
    // A report that takes long to make or to show is asked for less often.
    const took = performance.now() - asked;
    setTimeout(poll, Math.max(document.hidden ? 5_000 : 1_000, 4 * took));
  }
  setTimeout(poll, 1_000);
})();
