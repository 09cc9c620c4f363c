// Coverage over time, in the units of plot.rs.
const LEFT = 34, RIGHT = 392, TOP = 10, BOTTOM = 92;
const curve = JSON.parse(byId("data").textContent);

function draw() {
  const span = Math.max(curve.end - curve.begin, 1000);
  const x = (offset) => (LEFT + (RIGHT - LEFT) * Math.min(offset / span, 1)).toFixed(1);
  const y = (covered) => (BOTTOM - (BOTTOM - TOP) * Math.min(covered / Math.max(curve.total, 1), 1)).toFixed(1);
  const hits = Object.values(curve.hits).sort((a, b) => a - b);
  let path = `M${LEFT} ${y(0)}`;
  hits.forEach((hit, n) => {
    if (n + 1 < hits.length && x(hits[n + 1]) === x(hit)) return;
    path += `H${x(hit)}V${y(n + 1)}`;
  });
  path += `H${x(curve.end - curve.begin)}`;
  document.querySelector("#plot .curve").setAttribute("d", path);
  document.querySelector("#plot .area").setAttribute("d", `${path}V${BOTTOM}H${LEFT}Z`);
  put(byId("plot-end"), `${new Date(curve.end).toISOString().slice(11, 19)} UTC`);
}

function drawOn(taken, news, total) {
  curve.end = Math.max(curve.end, Date.parse(taken));
  curve.total = total ?? curve.total;
  for (const { id, firstHit } of news) {
    if (firstHit && points.has(String(id))) curve.hits[id] = Date.parse(firstHit) - curve.begin;
  }
  draw();
}
