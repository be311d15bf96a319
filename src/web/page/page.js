// The live page. One WebSocket for what happens, REST for what was, /health as the heartbeat.
// Text from the air only ever becomes text nodes. The clock of the page is the station's.

const MODES = {
  dstar: "D-Star", dmr: "DMR", ysf: "System Fusion", p25: "P25", nxdn: "NXDN", m17: "M17",
  pocsag: "POCSAG", fm: "FM", ax25: "AX.25",
  idle: "Idle", lockout: "Locked out", error: "Host error", cw: "Sending its callsign", unknown: "–",
};
const ENDS = {
  end: "", lost: "signal lost", watchdog: "network silent", timeout: "timed out", replaced: "replaced",
  host_restart: "host restarted", open: "still open",
};
const PAGE_SIZE = 50;
const HEARD_SHOWN = 12;
const HEARTBEAT_MS = 10_000;
const HEARTBEAT_LIMIT_MS = 5_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15_000;

const at = (id) => document.getElementById(id);
const view = {
  since: null,        // position of the newest event seen; a new connection goes on from there
  skew: 0,            // station's clock minus ours, in milliseconds
  state: null,        // the repeater's state
  calls: new Map(),   // by position in the journal
  heard: new Map(),   // by callsign
  next: null,         // cursor of the page behind
  heartbeat: 0,       // when the station answered last, by our monotonic clock
  connected: false,
  loaded: false,
  retry: RETRY_MIN_MS,
};

const stationNow = () => Date.now() + view.skew;

/* Words and figures. */

function clock(text, options) {
  return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...options });
}

function runs(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function ago(text) {
  const seconds = Math.max(0, (stationNow() - Date.parse(text)) / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(text).toLocaleDateString();
}

/* With a true minus sign. */
const figure = (value) => String(value).replace("-", "\u2212");
const modeOf = (call) => MODES[call.mode] + (call.slot ? ` ${call.slot}` : "");
const sourceOf = (call) => (call.source === "rf" ? "radio" : "network");
const caller = (call) => call.callsign ?? "unknown";

function destination(call) {
  if (!call.destination) return "–";
  return call.mode === "dmr" && call.destination_kind === "group" ? `TG ${call.destination}` : call.destination;
}

function about(call) {
  const parts = [`${modeOf(call)} to ${destination(call)}`];
  if (call.via) parts.push(`via ${call.via}`);
  if (call.talker_alias) parts.push(`“${call.talker_alias}”`);
  return parts.join(" · ");
}

/* Elements. */

function make(tag, classes, ...content) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...content);
  return element;
}

function sourceTag(call) {
  const tag = make("span", "source", sourceOf(call));
  tag.dataset.source = call.source;
  return tag;
}

/* Changes only what changed, so that a screen reader and the eye are left in peace. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/* Now. */

function showState() {
  const state = view.state;
  if (!state) return;
  const calls = state.active_calls;
  const mode = at("mode");
  mode.dataset.mode = state.mode;
  say(mode, MODES[state.mode] ?? state.mode);
  say(at("sentence"), sentence(state));
  const none = make("li", "none", "No call is running.");
  at("active").replaceChildren(...(calls.length ? calls.map(activeCall) : [none]));
  const first = calls[0];
  document.title = first ? `${caller(first)} · ${modeOf(first)}` : at("station").textContent;
}

function sentence(state) {
  if (state.calls_hidden) return "The host's log level hides its calls: set FileLevel to 1 or 2 in its configuration.";
  if (state.host.state === "stopped") return "The repeater's host program has stopped.";
  const count = state.active_calls.length;
  if (count > 1) return `${count} calls are running.`;
  if (count === 1) return "One call is running.";
  const word = state.mode === "idle" || state.mode === "unknown" ? "Quiet." : "Between calls.";
  const last = newest(view.calls.values());
  if (!last) return `${word} Nobody has called yet.`;
  return `${word} ${caller(last)} was the last to be heard, ${ago(last.ended_at ?? last.started_at)}.`;
}

function newest(calls) {
  let found = null;
  for (const call of calls) if (!found || call.seq > found.seq) found = call;
  return found;
}

function activeCall(call) {
  const item = make("li", "",
    make("span", "call", caller(call)),
    make("span", "runs"),
    make("span", "about", sourceTag(call), ` · ${about(call)}`));
  item.dataset.source = call.source;
  item.dataset.since = call.started_at;
  item.title = about(call);
  return item;
}

function tick() {
  const now = stationNow();
  for (const item of at("active").querySelectorAll("[data-since]")) {
    say(item.querySelector(".runs"), runs((now - Date.parse(item.dataset.since)) / 1000));
  }
  for (const item of at("heard").children) say(item.querySelector(".ago"), ago(item.dataset.at));
  if (view.state && view.state.active_calls.length === 0) say(at("sentence"), sentence(view.state));
  say(at("local"), clock(now, { second: undefined }));
  say(at("utc"), `${clock(now, { second: undefined, timeZone: "UTC" })} UTC`);
  showFreshness();
}

/* Calls. */

function signal(call) {
  const parts = [];
  if (call.rssi_dbm) parts.push([figure(call.rssi_dbm.avg), "dBm"]);
  if (call.ber_percent !== null) parts.push([call.ber_percent.toFixed(1), "% BER"]);
  if (call.loss_percent) parts.push([`${call.loss_percent}`, "% lost"]);
  const cell = make("td", "quality");
  parts.forEach(([value, unit], index) => {
    cell.append(index ? " · " : "", value, make("span", "unit", `\u00a0${unit}`));
  });
  return cell;
}

function callRow(call, isNew) {
  const time = make("time", "", clock(call.started_at));
  time.dateTime = call.started_at;
  time.title = call.started_at;
  const who = make("td", "who", caller(call));
  if (call.callsign_suffix) who.append(make("span", "suffix", `/${call.callsign_suffix}`));
  const length = call.duration_s === null ? "–" : call.duration_s.toFixed(1);
  const end = make("td", "end", ENDS[call.end_reason] ?? call.end_reason);
  end.dataset.odd = call.end_reason !== "end";
  const to = make("td", "to", destination(call));
  if (call.via) to.append(make("span", "unit", ` via ${call.via}`));
  const row = make("tr", isNew ? "new" : "",
    make("td", "time", time),
    who,
    to,
    make("td", "kind", modeOf(call), " ", sourceTag(call)),
    make("td", "length", length, make("span", "unit", call.duration_s === null ? "" : "\u00a0s")),
    signal(call),
    end);
  row.dataset.seq = call.seq;
  return row;
}

function addCall(call) {
  if (view.calls.has(call.seq)) return;
  view.calls.set(call.seq, call);
  const rows = at("calls");
  const before = [...rows.children].find((row) => Number(row.dataset.seq) < call.seq) ?? null;
  rows.insertBefore(callRow(call, view.loaded), before);
  at("calls-empty").hidden = true;
  if (call.callsign) hear({ ...call, at: call.ended_at ?? call.started_at });
}

function hear(call) {
  const known = view.heard.get(call.callsign);
  if (known && known.at >= call.at) return;
  view.heard.set(call.callsign, call);
  showHeard();
}

function showHeard() {
  const newestFirst = [...view.heard.values()].sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, HEARD_SHOWN);
  at("heard").replaceChildren(...newestFirst.map((call) => {
    const item = make("li", "",
      make("span", "call", call.callsign),
      make("span", "ago", ago(call.at)),
      make("span", "about", about(call)));
    item.dataset.at = call.at;
    item.title = call.at;
    return item;
  }));
  at("heard-empty").hidden = newestFirst.length > 0;
}

async function ask(path, limit = 15_000) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(limit), headers: { Accept: "application/json" } });
  return { status: answer.status, body: await answer.json() };
}

async function loadCalls() {
  const cursor = view.next ? `&cursor=${encodeURIComponent(view.next)}` : "";
  const { status, body } = await ask(`/api/v1/repeater/calls?limit=${PAGE_SIZE}${cursor}`);
  if (status !== 200) throw new Error(body.detail);
  body.items.forEach(addCall);
  view.next = body.next;
  at("more").hidden = !body.next;
}

async function loadOnce() {
  if (view.loaded) return;
  try {
    await loadCalls();
    const { status, body } = await ask(`/api/v1/repeater/last-heard?limit=${HEARD_SHOWN}`);
    if (status === 200) body.items.forEach((heard) => hear(heard));
    view.loaded = true;
    showState();
  } catch {
    setTimeout(loadOnce, RETRY_MAX_MS / 5);
  }
}

/* What the station says. */

function hearSignal(signal) {
  if (signal.source === "repeater" && signal.signal === "state") {
    view.state = signal.data;
    showState();
    tick();
  } else if (signal.source === "station" && signal.signal === "health") {
    showHealth(signal.data);
  } else if (signal.source === "repeater.parser" && signal.signal === "lines") {
    showLines(signal.data);
  }
}

/* Lines of no known form are counted, never hidden: a new release of the host may have new ones. */
function showLines({ lines, ...unknown }) {
  const count = Object.values(unknown).reduce((sum, kind) => sum + kind, 0);
  say(at("lines"), `${lines.toLocaleString()} log lines read, ${count.toLocaleString()} of no known form`);
}

function hearEvent(event) {
  view.since = event.seq;
  if (event.type === "qso_ended") addCall({ seq: event.seq, ...event.data });
}

function hearFrame(frame) {
  if (frame.snapshot) {
    const { station, demo, at: now, head, since, signals } = frame.snapshot;
    if (view.since !== null && head < view.since) {
      // Another journal: what is on the page belongs to the one before.
      location.reload();
      return;
    }
    say(at("station"), station);
    at("demo").hidden = !demo;
    view.skew = Date.parse(now) - Date.now();
    view.since ??= since;
    signals.forEach(hearSignal);
    loadOnce();
  } else if (frame.event) {
    hearEvent(frame.event);
  } else if (frame.signal) {
    hearSignal(frame.signal);
  }
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/ws`);
  socket.onopen = () => {
    const wanted = { subscribe: ["repeater.*", "station.*"] };
    if (view.since !== null) wanted.since = view.since;
    socket.send(JSON.stringify(wanted));
  };
  socket.onmessage = (message) => {
    view.connected = true;
    view.retry = RETRY_MIN_MS;
    beat();
    hearFrame(JSON.parse(message.data));
  };
  socket.onclose = () => {
    view.connected = false;
    const jitter = 0.75 + Math.random() / 2;
    setTimeout(connect, view.retry * jitter);
    view.retry = Math.min(view.retry * 2, RETRY_MAX_MS);
    showFreshness();
  };
}

/* Health and freshness. */

function beat() {
  view.heartbeat = performance.now();
}

async function heartbeat() {
  try {
    const { body } = await ask("/api/v1/health", HEARTBEAT_LIMIT_MS);
    if (body.health) {
      beat();
      showHealth(body);
    }
  } catch {
    // Silence is what the freshness line tells.
  }
  showFreshness();
  setTimeout(heartbeat, HEARTBEAT_MS);
}

function showHealth(health) {
  at("health").dataset.word = health.health;
  say(at("health-word"), health.health);
  const causes = at("causes");
  causes.hidden = health.causes.length === 0;
  causes.replaceChildren(...health.causes.map((cause) => make("li", "",
    make("strong", "", cause.subject), `: ${cause.reason} `, make("span", "since", `since ${clock(cause.since)}`))));
}

function showFreshness() {
  const silent = (performance.now() - view.heartbeat) / 1000;
  const stale = view.heartbeat > 0 && (!view.connected || silent > 2 * HEARTBEAT_MS / 1000);
  const line = at("fresh");
  document.body.dataset.stale = stale;
  line.dataset.stale = stale;
  if (stale) {
    say(line, `no connection, as of ${runs(silent)} ago; trying again`);
    at("health").dataset.word = "unknown";
    say(at("health-word"), "unknown");
  } else {
    say(line, view.connected ? "live" : "connecting …");
  }
}

at("more").addEventListener("click", () => {
  loadCalls().catch((error) => say(at("calls-empty"), `Earlier calls cannot be read: ${error.message}`));
});
setInterval(tick, 1000);
tick();
connect();
heartbeat();
