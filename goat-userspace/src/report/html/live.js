// News from goat, as they come.
const SILENCE = 10_000;
const AGAIN = 3_000;
let place = page.place;
let heard = Date.now();
let source;
let again;
let gained = 0;
let saying;

function announce(text) {
  byId("news").textContent = text;
}

// Several at once are said at once.
function announceSoon() {
  saying ??= setTimeout(() => {
    saying = undefined;
    announce(`${gained} more ${gained === 1 ? "point" : "points"} covered: ${byId("rate").textContent}%, ${byId("sentence").textContent}.`);
    gained = 0;
  }, 1_500);
}

function link(isThere) {
  const note = byId("link");
  note.hidden = false;
  note.dataset.up = isThere;
  put(note, isThere ? "live" : `no answer from goat since ${new Date(heard).toLocaleTimeString()}: trying again`);
}

function listen() {
  clearTimeout(again);
  source?.close();
  const query = new URLSearchParams({ since: place });
  source = new EventSource(`${page.events}?${query}`);
  const on = (name, then) => source.addEventListener(name, (event) => {
    heard = Date.now();
    if (event.lastEventId) place = event.lastEventId;
    link(true);
    then(JSON.parse(event.data));
  });
  on("snapshot", (news) => {
    // Another plan is another page.
    if (news.plan !== page.plan) location.reload();
    else showNews({ ...news, points: [] });
  });
  on("points", showNews);
  on("status", (status) => {
    showTracing(status);
    drawOn(status.taken, []);
  });
  source.onerror = () => {
    link(false);
    if (source.readyState === EventSource.CLOSED) again = setTimeout(listen, AGAIN);
  };
}

function showNews({ points: news, components, taken }) {
  const more = news.filter(showPoint).length;
  const own = components.find(({ id }) => String(id ?? "") === page.component);
  if (own) showTotals(own);
  drawOn(taken, news, own?.total);
  if (more) {
    gained += more;
    announceSoon();
  }
}

// The first paint comes before anything that a reader does not see.
setTimeout(() => {
  findPoints();
  startFilter();
  startKeys();
  document.documentElement.dataset.ready = "";
  if (!page.events || !location.protocol.startsWith("http")) return;
  listen();
  setInterval(() => {
    if (Date.now() - heard > SILENCE) {
      link(false);
      if (source.readyState !== EventSource.CONNECTING) listen();
    }
  }, 2_000);
}, 0);
