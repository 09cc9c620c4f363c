// Keys, and the buttons that do the same.
const missing = '.file li[data-state="not-executed"]:not([hidden]), .file .branch[data-state="not-executed"]';

// The first line of each run of lines that did not run, from the one in focus on.
function step(forward) {
  const all = [...document.querySelectorAll(missing)].filter((element) => {
    if (!element.querySelector(":scope > .say")) return false;
    return !element.closest("[hidden]");
  });
  if (!all.length) {
    announce("Every line that is shown and can be observed has run.");
    return;
  }
  const here = document.activeElement?.closest?.(".file li, .file .branch");
  const isBehind = (element) => here ? here.compareDocumentPosition(element) : 0;
  const next = forward
    ? all.find((element) => !here || isBehind(element) & Node.DOCUMENT_POSITION_FOLLOWING)
    : all.findLast((element) => here && isBehind(element) & Node.DOCUMENT_POSITION_PRECEDING);
  const target = next ?? (forward ? all[0] : all[all.length - 1]);
  target.closest("details").open = true;
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
}

function startKeys() {
  const help = byId("help");
  byId("next").addEventListener("click", () => step(true));
  byId("keys").addEventListener("click", () => help.showModal());
  byId("close").addEventListener("click", () => help.close());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.closest?.("input, textarea, select");
    if (isTyping) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (help.open) return;
    const action = { "j": () => step(true), "k": () => step(false), "/": () => byId("q").focus(), "?": () => help.showModal() }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  // The list of files takes a small screen's whole height.
  if (matchMedia("(max-width: 64rem)").matches) document.querySelector(".tree > details").open = false;
}
