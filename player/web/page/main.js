// The page: it moves at once by itself, draws what it holds, and tells the server where it stands.

import { Actions, copy } from "./actions.js";
import { drawBar, drawPad, drawStorms } from "./parts/seekbar.js";
import { Field } from "./parts/field.js";
import { Input } from "./input.js";
import { Kept } from "./kept.js";
import {
  makeButtons, makeHelp, showCues, showKept, showPairs, showRoles, showTokens,
} from "./parts/panel.js";
import { Picture } from "./parts/picture.js";
import { Playhead } from "./playhead.js";
import { Readouts } from "./parts/readouts.js";
import { Session } from "./link/session.js";
import { seriesOf, Store } from "./link/store.js";
import { paintCues, Tip } from "./parts/thumbnails.js";
import { Zoom } from "./parts/zoom.js";

const $ = (id) => document.getElementById(id);
const BUDGET = 96 * 2 ** 20; // bytes of pictures kept
const NOTICE_MS = 4000;
const REST_MS = 100; // between two looks at what changes slowly
const SETTINGS = ["seed", "steps", "interp", "edit"];

const head = new Playhead();
const store = new Store(BUDGET);
const picture = new Picture($("picture"), store, touch);
const own = { text: "", alarm: false, until: 0 }; // what this page itself has to say
let dirty = true; // whether what moves has to be drawn anew
let due = false; // whether the next display frame is ours

const session = new Session(head, picture, store, {
  met: (welcome) => {
    actions.table = welcome.actions;
    field.words = welcome.words;
    field.presets = welcome.presets;
    kept.seen = null;
    makeButtons(actions.table, {
      press: (...pressed) => actions.press(...pressed),
      hold: (...held) => input.hold(...held),
    });
    makeHelp(welcome.help);
    $("steps").replaceChildren(...welcome.steps.map((count) => new Option(count, count)));
    document.title = `wordmorph  ${welcome.model}`;
  },
  learned: (message) => {
    if ("kept" in message) kept.notice();
    touch();
  },
  refused: (message, words) => {
    if (words) field.refuse(message.message, message.text, message.column);
    else say(message.message, true);
  },
  written: () => {
    field.accept();
    if (document.activeElement === field.input) $("bar").focus();
  },
  copied: async (text) => say(await copy(text) ? `copied: ${text}` : text),
  said: say,
  changed: touch,
});
const zoom = new Zoom($("picture"), (event) => {
  // where the picture alone is shown, nothing else is there to click
  const action = actions.named(actions.overlays.clean ? "clean" : "play");
  if (action) actions.press(action, null, event);
});
const actions = new Actions(session, zoom, say);
const input = new Input(session, actions, new Tip($("tip"), session, store));
const kept = new Kept(session, say);
const readouts = new Readouts(session);
const field = new Field($("write"), { write: (expression) => session.write(expression) });
const { state } = session;

$("close").addEventListener("click", () => $("help").close());
// Keys are the player's again once a setting is chosen with the mouse, entered or left.
for (const name of SETTINGS) {
  const setting = $(name);
  let pointed = false;
  setting.addEventListener("mousedown", () => { pointed = true; });
  setting.addEventListener("keydown", (event) => {
    pointed = false;
    if (event.key !== "Enter" && event.key !== "Escape") return;
    if (event.key === "Escape") setting.value = state.request[name];
    $("bar").focus();
  });
  setting.addEventListener("change", (event) => {
    const { value } = setting;
    if (value === "" || !setting.checkValidity()) {
      setting.value = state.request[name];
      say(value === "" ? "" : setting.validationMessage, true);
    } else {
      const number = name === "seed" || name === "steps";
      session.change({ [name]: number ? Number(value) : value }, event.timeStamp);
    }
    if (pointed) $("bar").focus();
  });
}

function say(text, alarm = false) {
  Object.assign(own, { text, alarm, until: performance.now() + NOTICE_MS });
  touch();
}

// Have a display frame; a page at rest takes none, which on two cores beside the model is much.
function wake() {
  if (!due) requestAnimationFrame(turn);
  due = true;
}

function touch() {
  dirty = true;
  wake();
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What moves.
function show() {
  const asked = picture.want ?? session.here;
  const { drawn } = picture;
  const behind = drawn && seriesOf(drawn) === seriesOf(asked) &&
    (drawn.t !== asked.t || drawn.u !== asked.u);
  const [place, across] = head.point.map((ticks) => ticks / head.ticks);
  const ghost = behind ? (state.axis === "u" ? drawn.u : drawn.t) : null;
  drawBar($("bar").firstElementChild, state, place, ghost);
  $("storms").hidden = !actions.overlays.storms;
  $("pad").hidden = !state.pad;
  if (state.pad) {
    drawPad($("pad").firstElementChild, state, place, across, behind ? [drawn.t, drawn.u] : null);
  }
  const pad = state.pad ? `  u ${across.toFixed(4)}` : "";
  setText($("position"), state.moves ? `${state.axis} ${place.toFixed(4)}${pad}` : "");
}

// What may come a little later.
function showRest(now) {
  const { overlays } = actions;
  if (overlays.storms) drawStorms($("storms"), state);
  const request = session.here;
  const words = request.expression.replaceAll("->", "→");
  setText($("words"), words);
  const spoken = `${words}, ${$("position").textContent}`;
  $("picture").setAttribute("aria-label", state.difference ? `difference of the marks, ${spoken}` : spoken);
  for (const [id, ticks] of [["bar", head.point[0]], ["pad", head.point[1]]]) {
    $(id).setAttribute("aria-valuenow", (ticks / head.ticks).toFixed(4));
    $(id).setAttribute("aria-valuetext", spoken);
  }
  field.show(request.expression);
  for (const name of SETTINGS) {
    if (document.activeElement !== $(name)) $(name).value = request[name];
    $(name).disabled = !session.performs;
  }
  document.body.classList.toggle("clean", overlays.clean);
  $("tokens").hidden = !overlays.tokens;
  if (overlays.tokens) showTokens(state.tokens ?? []);
  $("stats").hidden = !overlays.stats;
  if (overlays.stats) showPairs($("stats"), readouts.page());
  showRoles(state, session.you, (want, to) => session.control(want, to));
  showKept(state.kept ?? [], (number, name) => kept.download(number, name));
  showCues(state.cues, (name, value) => session.act({ do: "act", name, value }));
  paintCues($("cues"), state.cues, store);
  const button = (name) => $("transport").querySelector(`[data-action="${name}"]`);
  if (button("play")) setText(button("play"), state.playing ? "Pause" : "Play");
  button("record")?.setAttribute("aria-pressed", String(state.recording !== null));
  for (const arrow of $("transport").querySelectorAll("[data-arrow]")) {
    const across = arrow.dataset.arrow === "Up" || arrow.dataset.arrow === "Down";
    arrow.hidden = across && !state.pad && state.axis !== "u";
  }
  const mine = now < own.until ? own.text : "";
  setText($("notice"), mine || state.notice || "");
  $("notice").classList.toggle("alarm", Boolean(mine) && own.alarm);
  showPairs($("readouts"), readouts.rows());
}

let before = performance.now();
let rested = 0;

function turn(now) {
  due = false;
  const dt = Math.min((now - before) / 1000, 0.1);
  before = now;
  picture.tick(now);
  if (head.held.size) {
    const was = head.point.join(" ");
    if (head.advance(dt, performance.now()) && head.point.join(" ") !== was) session.moved(now);
  }
  session.flush();
  if (dirty && state.request) {
    dirty = false;
    show();
  }
  if (now - rested > REST_MS) {
    rested = now;
    if (state.request) showRest(now);
    const opening = state.request && !state.engine ? "opening the model …" : "";
    const problem = session.lost || state.error || opening;
    $("veil").hidden = !problem;
    setText($("veil"), problem);
  }
  if (head.held.size || session.unsaid || picture.behind) wake();
}

setInterval(wake, REST_MS); // for what only time changes
addEventListener("resize", touch);
matchMedia("(prefers-color-scheme: light)").addEventListener("change", touch);

// for whoever looks into the page: its figures, and what it holds
globalThis.wordmorph = { state, head, picture, store, wire: session.wire, session, actions };
