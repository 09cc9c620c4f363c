// What of the change is shown: by state, by text, by file. The address has it, so that a link shows the same.
const AROUND = 2;
const legend = [...document.querySelectorAll(".legend li")];
const lineText = new WeakMap();

function asked() {
  const query = new URLSearchParams(location.search);
  const known = (query.get("state") ?? "").split(",").filter((state) => state in MARKS);
  return { states: new Set(known), q: query.get("q") ?? "", file: query.get("file") ?? "" };
}

let filter = asked();

function keep() {
  const query = new URLSearchParams(location.search);
  const set = (name, value) => value ? query.set(name, value) : query.delete(name);
  set("state", [...filter.states].join(","));
  set("q", filter.q);
  set("file", filter.file);
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  try {
    history.replaceState(null, "", (text ? `?${text}` : location.pathname) + location.hash);
  } catch {
    // A file that was opened from a disk keeps its address.
  }
  for (const link of document.querySelectorAll(".components a")) {
    const own = new URLSearchParams(link.search);
    const there = new URLSearchParams(query);
    there.set("component", own.get("component"));
    link.search = there.toString();
  }
}

// Lines around those asked for stay, so that these can be understood.
function show() {
  const q = filter.q.toLowerCase();
  const isAll = !q && !filter.states.size && !filter.file;
  let shown = 0;
  for (const section of files) {
    const inFile = section.dataset.path.includes(filter.file);
    let inSection = 0;
    for (const list of section.querySelectorAll("ol")) {
      const lines = [...list.children];
      const hits = isAll ? [] : lines.map((line) => inFile && fits(line, section, q));
      let inList = 0;
      lines.forEach((line, at) => {
        const near = isAll || hits.slice(Math.max(0, at - AROUND), at + AROUND + 1).includes(true);
        if (line.hidden === near) line.hidden = !near;
        inList += isAll || hits[at] ? 1 : 0;
        line.classList.toggle("aside", near && !isAll && !hits[at]);
      });
      list.hidden = list.previousElementSibling.hidden = !inList;
      inSection += inList;
    }
    const isShown = isAll || inSection > 0;
    section.hidden = !isShown;
    if (!isAll && inSection) section.open = true;
    const inTree = document.querySelector(`.tree li[data-file="${section.id.slice(1)}"]`);
    if (inTree) inTree.hidden = !isShown;
    shown += inSection;
  }
  byId("none").hidden = isAll || shown > 0;
  byId("clear").hidden = isAll;
  put(byId("shown"), isAll ? "" : `${shown} ${shown === 1 ? "line" : "lines"}`);
  for (const item of legend) {
    item.firstElementChild.setAttribute("aria-pressed", filter.states.has(item.dataset.state));
  }
}

function fits(line, section, q) {
  if (filter.states.size) {
    const states = [line, ...line.querySelectorAll(".branch")].map((element) => element.dataset.state);
    if (!states.some((state) => filter.states.has(state))) return false;
  }
  if (!q) return true;
  let text = lineText.get(line);
  if (text === undefined) {
    const fn = line.dataset.fn;
    const name = fn === undefined ? "" : nameOf(section.id.slice(1), fn);
    text = `${line.querySelector("code").textContent}\n${name}`.toLowerCase();
    lineText.set(line, text);
  }
  return text.includes(q);
}

const names = new Map();
function nameOf(file, fn) {
  const key = `${file} ${fn}`;
  if (!names.has(key)) {
    names.set(key, document.querySelector(`.tree li[data-file="${file}"] li[data-fn="${fn}"] a`)?.textContent ?? "");
  }
  return names.get(key);
}

let typed;
function startFilter() {
  document.querySelector(".filter").hidden = false;
  for (const item of legend) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...item.childNodes);
    button.addEventListener("click", () => {
      const { state } = item.dataset;
      if (!filter.states.delete(state)) filter.states.add(state);
      keep();
      show();
    });
    item.append(button);
  }
  for (const name of ["q", "file"]) {
    const input = byId(name);
    input.value = filter[name];
    input.addEventListener("input", () => {
      clearTimeout(typed);
      typed = setTimeout(() => {
        filter[name] = input.value.trim();
        keep();
        show();
      }, 120);
    });
  }
  document.querySelector(".filter").addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", () => {
    filter = { states: new Set(), q: "", file: "" };
    byId("q").value = byId("file").value = "";
    keep();
    show();
    byId("q").focus();
  });
  addEventListener("popstate", () => {
    filter = asked();
    show();
  });
  if (filter.states.size || filter.q || filter.file) {
    keep();
    show();
  } else {
    for (const item of legend) item.firstElementChild.setAttribute("aria-pressed", "false");
  }
}
