// The points of the page: what each is shown by, and the sums that it is part of.
const page = document.body.dataset;
const byId = (id) => document.getElementById(id);
const MARKS = { "covered": "✓", "not-executed": "✗", "not-armed": "!", "unobservable": "?", "excluded": "–" };
const words = (state) => state.replace("-", " ");
const files = [...document.querySelectorAll(".file")];
const points = new Map();
const touched = new Set();

function put(element, text) {
  if (element && element.textContent !== String(text)) element.textContent = text;
}

function findPoints() {
  files.forEach((section, file) => {
    for (const element of section.querySelectorAll("[data-point]")) {
      const { point: id, state, fn } = element.dataset;
      const known = points.get(id);
      if (known) known.elements.push(element);
      else points.set(id, { state, file, fn, elements: [element] });
    }
  });
}

// In the words of text.rs.
function say(news) {
  let text = words(news.state);
  if (news.state === "covered") text = page.type === "bool" ? "ran" : `${news.about ?? news.count} ×`;
  if (news.firstHit) text += `, first ${news.firstHit.slice(0, 10)} ${news.firstHit.slice(11, 19)} UTC`;
  if (news.why) text += ` (${news.why})`;
  return text;
}

// Whether the point has begun to be covered.
function showPoint(news) {
  const point = points.get(String(news.id));
  if (!point) return false;
  const turned = point.state !== news.state;
  for (const element of point.elements) {
    if (turned) {
      element.dataset.state = news.state;
      element.classList.remove("new");
      // The next frame begins the flash anew.
      requestAnimationFrame(() => element.classList.add("new"));
      const mark = element.querySelector(":scope > .mark");
      mark.textContent = MARKS[news.state];
      mark.setAttribute("aria-label", words(news.state));
    }
    const text = element.querySelector(":scope > .say");
    if (text) put(text, (element.dataset.prefix ?? "") + say(news));
  }
  if (!turned) return false;
  const gained = (news.state === "covered") - (point.state === "covered");
  point.state = news.state;
  if (gained) sumUp(point, gained);
  return gained > 0;
}

// In the point's file, and in the tree at its file and its function.
function sumUp({ file, fn }, gained) {
  const inTree = document.querySelector(`.tree li[data-file="${file}"]`);
  const rows = [files[file].querySelector("summary"), inTree?.querySelector("summary"), inTree?.querySelector(`li[data-fn="${fn}"]`)];
  rows.forEach((row, place) => {
    const bar = row?.querySelector(":scope > progress");
    if (!bar) return;
    bar.value += gained;
    put(row.querySelector(":scope > .sum"), `${bar.value}/${bar.max}${place ? "" : " covered"}`);
  });
}

function showTotals(component) {
  const totals = {
    "covered": component.covered, "not-executed": component.notExecuted, "not-armed": component.notArmed,
    "unobservable": component.unobservable, "excluded": component.excluded,
  };
  if (component.total) {
    put(byId("rate"), component.coveredRate);
    document.title = `${component.coveredRate}% ${page.app} ${page.version}`;
  }
  if (component.total > 1) put(byId("sentence"), `${component.covered} of ${component.total} points have run`);
  else if (component.total) put(byId("sentence"), `${component.covered} of 1 point has run`);
  const all = Object.values(totals).reduce((sum, count) => sum + count, 0);
  let x = 0;
  for (const [state, count] of Object.entries(totals)) {
    put(document.querySelector(`.legend [data-state="${state}"] b`), count);
    const bar = document.querySelector(`[data-bar="${state}"]`);
    const width = all ? Math.floor(count * 1000 / all) : 0;
    bar.setAttribute("x", x);
    bar.setAttribute("width", width);
    x += width;
  }
}
