// How the tracing does, in the words of tracing.rs.
const NAMED = 5;
const PROBES = {
  armed: "armed", disarmed: "taken out, as they have told what they can", throttled: "resting, as they are hit too often",
  pending: "waiting for a process", notArmed: "refused",
};
const percent = (share) => `${(share * 100).toFixed(2)}%`;

function element(tag, text, data) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  Object.assign(made.dataset, data);
  return made;
}

function showTracing({ targets, probes, overhead }) {
  if (!byId("targets")) return;
  byId("targets").hidden = !targets.length;
  byId("targets").previousElementSibling.hidden = !targets.length;
  const rows = targets.slice(-NAMED).reverse().map(({ pid, exe, up, probed }) => {
    const row = element("li", "", { up });
    const mark = element("span", up && probed ? "●" : "○");
    mark.setAttribute("aria-hidden", "true");
    row.append(mark, ` ${exe.split("/").pop()} `, element("b", String(pid)), up ? (probed ? " runs" : " runs, without probes") : " has ended");
    return row;
  });
  if (targets.length > NAMED) rows.push(element("li", `and ${targets.length - NAMED} before`));
  byId("targets").firstElementChild.replaceChildren(...rows);
  byId("down").hidden = !targets.length || targets.some(({ up }) => up);
  const said = Object.entries(PROBES).filter(([state]) => probes[state]).map(([state, word]) => `${probes[state]} ${word}`);
  put(byId("probes"), said.join(", ") || "none");
  const cost = byId("cost");
  cost.hidden = cost.previousElementSibling.hidden = !overhead;
  if (!overhead) return;
  const { ratio, budget, hitsPerSecond } = overhead;
  Object.assign(cost.firstElementChild, { max: Math.max(budget * 1.5, ratio), high: budget, value: ratio });
  put(cost.lastElementChild, `${percent(ratio)} of the processes' CPU time, of ${percent(budget)} allowed; ${hitsPerSecond.toFixed(0)} hits a second`);
}
