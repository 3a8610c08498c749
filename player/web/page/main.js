// The page: it moves at once by itself, draws what it holds, and tells the server where it stands.

import { drawBar, drawPad, drawStorms, INSET } from "./bar.js";
import { Field } from "./field.js";
import { find, isTyping, nameOf } from "./keys.js";
import {
  makeButtons, makeHelp, showCues, showKept, showReadouts, showRoles, showTokens,
} from "./panel.js";
import { Picture } from "./picture.js";
import { Playhead } from "./playhead.js";
import { seriesOf, Store } from "./store.js";
import { Wire } from "./wire.js";

const $ = (id) => document.getElementById(id);
const HOLD_MS = 220; // a key held this long glides
const BUDGET = 96 * 2 ** 20; // bytes of pictures kept
const MOVE_MS = 12; // between two moves that are told
const JUMPS = {
  home: () => [0, null],
  end: () => [1, null],
  seek: (place) => [place, null],
  seek_u: (place) => [null, place],
};
const AXIS_OF = { move: "x", move_u: "y" };

const state = {};
const head = new Playhead();
const store = new Store(BUDGET);
const picture = new Picture($("picture"), store);
let welcome = null;
let actions = [];
let you = 0;
let sent = 0; // number of the last input told
let unsaid = false; // whether this page moved and has not told yet
let toldAt = 0;
let acts = []; // inputs whose request only the server knows yet: {n, at}
let writing = 0; // number of the expression that is being checked
let drag = null;
let dirty = true;
let lost = "";
let overlays = { tokens: false, storms: true, clean: false };
let keptSeen = null;
let restoring = null; // what to play again on a server that was started anew

const wire = new Wire({ heard, pictured, lost: gone });
const field = new Field($("write"), {
  write: (expression) => {
    writing = act({ do: "change", request: { expression } }, performance.now());
  },
});

// ---- from the server

function heard(message) {
  if (message.say === "welcome") meet(message);
  else if (message.say === "refused") refused(message);
  else if (message.say === "state") learn(message);
}

function meet(message) {
  const anew = welcome && welcome.instance !== message.instance;
  if (anew && state.request && state.performer === you) restoring = structuredClone({ ...state });
  for (const name of Object.keys(state)) delete state[name];
  welcome = message;
  you = message.you;
  actions = message.actions;
  head.ticks = message.ticks;
  head.glide = message.glide;
  sent = wire.n = 0;
  unsaid = false;
  acts = [];
  lost = "";
  keptSeen = null;
  field.words = message.words;
  makeButtons(actions, { press, hold });
  makeHelp(message.help);
  $("steps").replaceChildren(...message.steps.map((count) => new Option(count, count)));
  document.title = `wordmorph  ${message.model}`;
  if (message.touched) restoring = null;
}

function learn(message) {
  Object.assign(state, message);
  if ("warp" in message) head.warp = state.warp;
  if (restoring) restore();
  // what was told later than the server has heard stands; else the server knows better
  if (!unsaid && !drag && !head.held.size && state.heard >= sent) head.at(state.x, state.y);
  const answered = acts.findLastIndex((one) => one.n <= state.heard);
  const since = answered < 0 ? null : acts.splice(0, answered + 1).at(-1).at;
  follow(since);
  if (writing && state.heard >= writing) {
    writing = 0;
    field.accept();
    if (document.activeElement === field.input) $("bar").focus();
  }
  if ("kept" in message) noticeKept();
  dirty = true;
}

function refused(message) {
  if (message.n === writing) {
    writing = 0;
    field.refuse(message.message, message.text, message.column);
  } else say(message.message, true);
}

function pictured(header, blob) {
  const gone = store.put(header.request, blob, header.seq);
  if (gone.length) wire.plain({ do: "forget", seqs: gone.slice(0, 512) });
  const key = `${seriesOf(header.request)}|${header.request.t}|${header.request.u}`;
  const done = () => wire.ack(header.seq);
  if (header.kind === "live" || key === picture.wanted) picture.consider(key).then(done);
  else done();
}

function gone(why, final) {
  lost = final ? why : `${why}: trying again …`;
  head.held.clear();
  dirty = true;
}

// A server that was started anew plays on where this page stood.
function restore() {
  if (state.performer !== you) return;
  const before = restoring;
  restoring = null;
  wire.say({ do: "change", request: before.request });
  for (const [name, x, y] of before.marks ?? []) {
    wire.say({ do: "move", x: Math.round(x * head.ticks), y: Math.round(y * head.ticks) });
    wire.say({ do: "act", name: `mark_${name.toLowerCase()}`, value: null });
  }
  sent = wire.say({ do: "move", x: before.x, y: before.y });
  acts.push({ n: sent, at: performance.now() });
}

// ---- to the server

const performs = () => welcome !== null && wire.connected && state.performer === you;

function mayPlay() {
  if (performs()) return true;
  if (wire.connected && state.request) say("watching: ask to perform first", true);
  return false;
}

// Tell the server something whose outcome it will say; returns its number.
function act(message, at) {
  if (!mayPlay()) return 0;
  flush(true);
  sent = wire.say(message);
  acts.push({ n: sent, at });
  if (acts.length > 256) acts.shift();
  return sent;
}

function press(action, value, event) {
  if (action.page) return onPage(action.name);
  const at = event?.timeStamp ?? performance.now();
  if (!act({ do: "act", name: action.name, value }, at)) return;
  const jump = JUMPS[action.name];
  if (jump && state.moves && !state.waits) { // where that leads is known here already
    head.seek(...jump(value ?? action.parameter?.default));
    follow(at);
  }
}

function onPage(name) {
  if (name === "help") {
    if ($("help").open) $("help").close();
    else $("help").showModal();
  } else if (name === "fullscreen") {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.();
  } else if (name === "back") {
    if ($("help").open) $("help").close();
    else if (document.fullscreenElement) document.exitFullscreen();
    else if (overlays.clean) overlays.clean = false;
  } else if (name === "write" || name === "type_seed") {
    const input = $(name === "write" ? "expression" : "seed");
    input.focus();
    input.select();
  } else if (!(name in overlays)) {
    say("only in the window");
  } else overlays[name] = !overlays[name];
  dirty = true;
}

// The request at this page's position.
function here() {
  const [x, y] = head.point;
  const place = x / head.ticks;
  if (state.axis === "u") return { ...state.request, u: place };
  return { ...state.request, t: place, u: state.pad ? y / head.ticks : state.request.u };
}

// Ask for the picture at this page's position; `at` is when an input led there.
function follow(at = null) {
  if (!state.request) return;
  picture.ask(here(), at);
  dirty = true;
}

// This page moved because of an input at `at`.
function moved(at) {
  unsaid = true;
  follow(at);
  flush();
}

// Tell where this page moved to, not more often than a display shows.
function flush(atOnce = false) {
  const now = performance.now();
  if (!unsaid || (!atOnce && now - toldAt < MOVE_MS)) return;
  unsaid = false;
  toldAt = now;
  if (!performs()) return;
  const [x, y] = head.point;
  sent = wire.say({ do: "move", x, y });
}

// ---- keys and pointers

function along(name) {
  if (state.axis !== "u" || state.pad) return name;
  return { Up: "Right", Down: "Left" }[name] ?? name;
}

function hold(name, down, event) {
  const arrow = along(name);
  const bound = find(actions, arrow, { shift: false, ctrl: false });
  const axis = bound && AXIS_OF[bound.action.name];
  if (!axis) return;
  const id = `${axis}${bound.key.value < 0 ? "-" : "+"}`;
  head.scale = event.shiftKey ? 10 : event.ctrlKey ? 0.1 : 1;
  if (!down) {
    if (head.held.delete(id) && !head.held.size) {
      head.rest();
      moved(event.timeStamp);
    }
    return;
  }
  if (head.held.has(id) || !state.moves || !mayPlay()) return;
  if (axis === "y" && !state.pad) return;
  head.held.set(id, performance.now());
  const ticks = Math.round(head.fine * head.scale) * bound.key.value;
  head.step(axis === "x" ? ticks : 0, axis === "y" ? ticks : 0);
  moved(event.timeStamp);
}

const BROWSERS = new Set(["F5", "F11", "F12"]); // reload, full screen, tools

addEventListener("keydown", (event) => {
  if (BROWSERS.has(event.key) || event.metaKey || event.altKey || isTyping(event)) {
    return;
  }
  const name = nameOf(event);
  const bound = find(actions, along(name), { shift: event.shiftKey, ctrl: event.ctrlKey }) ??
    (event.ctrlKey ? heldBy(name) : null);
  if (!bound) return;
  if (name === "Tab" && (event.shiftKey || !flips())) return; // Tab goes on to the next control
  event.preventDefault();
  if (bound.action.held) hold(name, true, event);
  else if (!event.repeat) press(bound.action, bound.key.value, event);
});

addEventListener("keyup", (event) => {
  head.scale = event.shiftKey ? 10 : event.ctrlKey ? 0.1 : 1;
  if (heldBy(nameOf(event))) hold(nameOf(event), false, event);
});

addEventListener("blur", () => {
  if (!head.held.size) return;
  head.held.clear();
  head.rest();
  moved(performance.now());
});

function heldBy(name) {
  const bound = find(actions, along(name), { shift: false, ctrl: false });
  return bound?.action.held ? bound : null;
}

function flips() {
  const on = document.activeElement;
  return Boolean(state.marks?.length) && (on === document.body || on === $("bar") || on === $("pad"));
}

function track(element, place) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !mayPlay() || !state.moves) return;
    element.setPointerCapture(event.pointerId);
    drag = element;
    place(event);
    moved(event.timeStamp);
  });
  element.addEventListener("pointermove", (event) => {
    if (drag !== element) return;
    place(event);
    moved(event.timeStamp);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(end, () => {
      if (drag === element) drag = null;
    });
  }
}

function share(element, event) {
  const box = element.getBoundingClientRect();
  const within = (at, low, size) => Math.min(Math.max((at - low - INSET) / (size - 2 * INSET), 0), 1);
  return [
    within(event.clientX, box.left, box.width), 1 - within(event.clientY, box.top, box.height),
  ];
}

track($("bar"), (event) => head.seek(share($("bar"), event)[0], null));
track($("pad"), (event) => head.seek(...share($("pad"), event)));

for (const element of [$("frame"), $("along"), $("pad")]) {
  element.addEventListener("wheel", (event) => {
    if (event.ctrlKey || !state.moves || !performs()) return;
    event.preventDefault();
    const steps = -Math.sign(event.deltaY || -event.deltaX) * head.fine;
    if (element === $("pad")) head.step(0, steps);
    else head.step(steps, 0);
    moved(event.timeStamp);
  }, { passive: false });
}

$("picture").addEventListener("click", (event) => {
  const play = actions.find((action) => action.name === "play");
  if (play) press(play, null, event);
});
$("close").addEventListener("click", () => $("help").close());
for (const name of ["seed", "steps", "interp", "edit"]) {
  $(name).addEventListener("change", (event) => {
    const number = name === "seed" || name === "steps";
    const value = number ? Math.trunc(Number(event.target.value)) : event.target.value;
    if (number && !(value >= 0)) return show();
    act({ do: "change", request: { [name]: value } }, event.timeStamp);
  });
}

// ---- stills and films

function noticeKept() {
  const files = state.kept ?? [];
  const known = keptSeen;
  keptSeen = new Set(files.map(([number]) => number));
  if (!known || !performs() || !document.hasFocus()) return;
  for (const [number, name] of files) if (!known.has(number)) download(number, name);
}

async function download(number, name) {
  const answer = await fetch(`/kept/${number}`, { headers: { Authorization: `Bearer ${wire.token}` } });
  if (!answer.ok) return say(`${name} is no longer at the server`, true);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// ---- shown

let ownNotice = "";
let ownAlarm = false;
let ownUntil = 0;

function say(text, alarm = false) {
  [ownNotice, ownAlarm, ownUntil] = [text, alarm, performance.now() + 4000];
  dirty = true;
}

function show() {
  const request = here();
  const asked = picture.want ?? request;
  const drawn = picture.drawn;
  const behind = drawn && seriesOf(drawn) === seriesOf(asked) &&
    (drawn.t !== asked.t || drawn.u !== asked.u);
  const [x, y] = head.point;
  const [place, across] = [x / head.ticks, y / head.ticks];
  const ghost = behind ? (state.axis === "u" ? drawn.u : drawn.t) : null;
  drawBar($("bar").firstElementChild, state, place, ghost);
  $("storms").hidden = !overlays.storms;
  $("pad").hidden = !state.pad;
  if (state.pad) {
    drawPad($("pad").firstElementChild, state, place, across, behind ? [drawn.t, drawn.u] : null);
  }
  const figures = `${state.axis} ${place.toFixed(4)}${state.pad ? `  u ${across.toFixed(4)}` : ""}`;
  if ($("position").textContent !== figures) $("position").textContent = figures;
}

function showRest(now) {
  if (!state.request) return;
  if (overlays.storms) drawStorms($("storms"), state);
  const request = here();
  const words = request.expression.replaceAll("->", "→");
  if ($("words").textContent !== words) $("words").textContent = words;
  const spoken = `${words}, ${$("position").textContent}`;
  $("picture").setAttribute("aria-label", spoken);
  for (const [id, share] of [["bar", head.point[0]], ["pad", head.point[1]]]) {
    $(id).setAttribute("aria-valuenow", (share / head.ticks).toFixed(4));
    $(id).setAttribute("aria-valuetext", spoken);
  }
  field.show(request.expression);
  for (const name of ["seed", "steps", "interp", "edit"]) {
    if (document.activeElement !== $(name)) $(name).value = request[name];
    $(name).disabled = !performs();
  }
  document.body.classList.toggle("clean", overlays.clean);
  $("tokens").hidden = !overlays.tokens;
  if (overlays.tokens) showTokens(state.tokens ?? []);
  showRoles(state, you, {
    want: (yes) => wire.plain({ do: "control", want: yes }),
    give: (to) => wire.plain({ do: "control", want: false, to }),
    keep: () => wire.plain({ do: "control", want: true }),
  });
  showKept(state.kept ?? [], download);
  showCues(state.cues, (number) => act({ do: "act", name: "cue", value: number }, performance.now()));
  const play = $("transport").querySelector('[data-action="play"]');
  if (play) play.textContent = state.playing ? "Pause" : "Play";
  const record = $("transport").querySelector('[data-action="record"]');
  record?.setAttribute("aria-pressed", String(state.recording !== null));
  for (const button of $("transport").querySelectorAll("[data-arrow]")) {
    const across = button.dataset.arrow === "Up" || button.dataset.arrow === "Down";
    button.hidden = across && !state.pad && state.axis !== "u";
  }
  const own = now < ownUntil ? ownNotice : "";
  const notice = own || state.notice || "";
  if ($("notice").textContent !== notice) $("notice").textContent = notice;
  $("notice").classList.toggle("alarm", Boolean(own) && ownAlarm);
  showReadouts(readouts());
}

const rates = { at: performance.now(), shown: 0, rate: 0 };

function readouts() {
  const now = performance.now();
  if (now - rates.at >= 500) {
    rates.rate = ((picture.shown - rates.shown) * 1000) / (now - rates.at);
    [rates.at, rates.shown] = [now, picture.shown];
  }
  const rows = [];
  if (state.playing || state.speed !== 1) {
    rows.push(["motion", `${state.playing ? "playing " : "speed "}×${state.speed}`]);
  }
  if (state.recording !== null) rows.push(["recording", `${state.recording.toFixed(1)} s`]);
  if (state.perceptual) rows.push(["time", "perceptual"]);
  if (state.extrapolates) rows.push(["weights", "extrapolating"]);
  if (state.rows) rows.push(["edited", state.rows]);
  const divisions = (state.cached ?? []).reduce((sum, [low, high]) => sum + high - low + 1, 0);
  rows.push(["known", `${divisions} of 401, here ${store.pictures.size}`]);
  if (state.milliseconds) rows.push(["render", `${state.milliseconds} ms`]);
  const recent = picture.latencies.slice(-60).sort((a, b) => a - b);
  if (recent.length) {
    rows.push(["input to picture", `${recent[recent.length >> 1].toFixed(0)} ms`]);
  }
  if (rates.rate >= 1) rows.push(["pictures", `${rates.rate.toFixed(0)} a second`]);
  if (state.trip !== null) rows.push(["round trip", `${state.trip} ms`]);
  rows.push(["model", `${welcome.model}${state.engine ? ` on ${state.engine}` : ""}`]);
  return rows;
}

let before = performance.now();
let rested = 0;

function turn(now) {
  const dt = Math.min((now - before) / 1000, 0.1);
  before = now;
  picture.tick(now);
  if (head.held.size) {
    const was = head.point.join(" ");
    if (head.advance(dt, performance.now(), HOLD_MS) && head.point.join(" ") !== was) moved(now);
  }
  flush();
  if (dirty && state.request) {
    dirty = false;
    show();
  }
  if (now - rested > 100) {
    rested = now;
    showRest(now);
    const problem = lost || state.error || (state.request && !state.engine ? "opening the model …" : "");
    $("veil").hidden = !problem;
    if ($("veil").textContent !== problem) $("veil").textContent = problem;
  }
  requestAnimationFrame(turn);
}

requestAnimationFrame(turn);
addEventListener("resize", () => { dirty = true; });
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => { dirty = true; });

// for whoever looks into the page: its figures, and what it holds
globalThis.wordmorph = { state, head, picture, store, wire, overlays };
