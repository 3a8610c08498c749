// The session as this page knows it: what the server said, and what this page told it.

import { Lead } from "./lead.js";
import { keyOf, seriesOf } from "./store.js";
import { Wire } from "./wire.js";

const MOVE_MS = 12; // between two moves that are told
const ACTS = 256;
const LISTED = 64; // messages about pictures that are here; the server bears only so many at once
const JUMPS = {
  home: () => [0, null],
  end: () => [1, null],
  seek: (place) => [place, null],
  seek_u: (place) => [null, place],
};

export class Session {
  // `on` hears: met(welcome), learned(message), refused(message, whether it was the expression),
  // written(), copied(text), said(text, alarm), changed().
  constructor(head, picture, store, on) {
    this.head = head;
    this.picture = picture;
    this.store = store;
    this.on = on;
    this.state = {}; // by the names of docs/protocol.md
    this.welcome = null;
    this.lost = ""; // why the server is not there
    this.dragging = new Set(); // pointers on the bar or the pad
    this.lead = new Lead();
    this.sent = 0; // number of the last input told
    this.unsaid = false; // whether this page moved and has not told yet
    this.toldAt = 0;
    this.acts = []; // inputs whose request only the server knows yet: {n, at}
    this.writing = 0; // number of the expression that is being checked
    this.restoring = null; // what to play again on a server that was started anew
    this.even = ""; // the series that is to be played in perceptual time, once its scan is whole
    this.difference = null; // how the marks differ, where that is looked at
    this.made = ""; // what the model and engine decide of the pictures kept here
    this.listing = false; // whether the server is to be told which pictures are here
    this.wire = new Wire({
      heard: (message) => this.heard(message),
      pictured: (header, blob) => this.pictured(header, blob),
      lost: (why, final) => this.gone(why, final),
    });
  }

  get you() {
    return this.welcome?.you ?? 0;
  }

  // Whether the server is there, and has said so.
  get there() {
    return Boolean(this.welcomed) && this.wire.connected;
  }

  get performs() {
    return this.there && this.state.performer === this.you;
  }

  get mayPlay() {
    if (this.performs) return true;
    if (this.there && this.state.request) this.on.said("watching: ask to perform first", true);
    return false;
  }

  // ---- from the server

  heard(message) {
    if (message.say === "welcome") this.meet(message);
    else if (message.say === "state") this.learn(message);
    else if (message.say === "copied") this.on.copied(message.text);
    else if (message.say === "refused") {
      const words = message.n === this.writing;
      if (words) this.writing = 0;
      this.on.refused(message, words);
    }
  }

  meet(message) {
    const { state, welcome } = this;
    const anew = welcome && welcome.instance !== message.instance;
    if (message.touched) this.restoring = null;
    else if (anew && state.request) this.restoring = structuredClone({ ...state });
    if (this.welcomed) this.drop(); // another model on the same connection
    for (const name of Object.keys(state)) delete state[name];
    Object.assign(this, {
      welcome: message, welcomed: true, listing: true, lost: "", unsaid: false, acts: [], writing: 0,
    });
    this.head.ticks = message.ticks;
    this.head.heldSpeed = message.held_speed;
    this.lead.forget();
    this.on.met(message);
  }

  learn(message) {
    const { state, head } = this;
    Object.assign(state, message);
    if ("heard" in message) this.wire.answered(message.heard);
    if ("warp" in message) head.warp = state.warp;
    if (message.settings) this.know(JSON.stringify(message.settings));
    if (this.restoring) this.restore();
    if (this.even) this.makeEven();
    // what was told later than the server has heard stands; else the server knows better
    if (!this.unsaid && !this.dragging.size && !head.held.size && state.heard >= this.sent) {
      head.at(state.x, state.y);
    }
    if (message.difference === false) this.difference = null;
    this.picture.cover(state.difference ? this.difference : null);
    const answered = this.acts.findLastIndex((one) => one.n <= state.heard);
    const since = answered < 0 ? null : this.acts.splice(0, answered + 1).at(-1).at;
    this.follow(since);
    if (this.writing && state.heard >= this.writing) {
      this.writing = 0;
      this.on.written();
    }
    this.on.learned(message);
  }

  // The pictures kept here count as long as the same model and engine would draw them again.
  know(made) {
    if (this.made && this.made !== made) this.drop();
    this.made = made;
    if (!this.listing) return;
    this.listing = false;
    for (const part of [...this.store.listed()].slice(-LISTED)) this.wire.plain({ do: "have", ...part });
  }

  // Another model, engine or precision draws from now on: nothing that is here counts any more.
  drop() {
    this.made = ""; // until its settings are told, which its first picture may overtake
    this.store.clear();
    this.picture.forget();
  }

  pictured(header, blob) {
    const done = () => this.wire.ack(header.seq);
    if (header.kind === "difference") {
      this.difference = blob;
      if (this.state.difference) this.picture.cover(blob).then(done);
      else done(); // on its way here it was overtaken, or it came before the news
      return;
    }
    const key = keyOf(header.request);
    const gone = this.store.put(header.request, blob, header.seq);
    if (gone.length) this.wire.plain({ do: "forget", seqs: gone.slice(0, 512) });
    this.lead.came(key, performance.now());
    if (header.kind === "live" || key === this.picture.wanted) this.picture.consider(key).then(done);
    else done();
  }

  gone(why, final) {
    this.lost = final ? why : `${why}: trying again …`;
    this.welcomed = false;
    this.sent = this.wire.n = 0;
    this.head.held.clear();
    this.on.changed();
  }

  // A server that was started anew plays on where this page stood, unless somebody else came first.
  restore() {
    const { state: now, restoring: then } = this;
    this.restoring = null;
    if (!this.performs) return;
    const { ticks } = this.head;
    const say = (message) => this.wire.say(message);
    const act = (name, value = null) => say({ do: "act", name, value });
    for (const [, request] of then.cues ?? []) {
      if (!request) continue; // another model's
      say({ do: "change", request });
      act("keep_cue");
    }
    const { request } = then;
    say({ do: "change", request });
    for (const [name, along, across, seed] of then.marks ?? []) {
      say({ do: "change", request: { seed } });
      say({ do: "move", x: Math.round(along * ticks), y: Math.round(across * ticks) });
      act(`mark_${name.toLowerCase()}`);
    }
    if (then.marks?.length) say({ do: "change", request: { seed: request.seed } });
    if (then.speed !== now.speed) act("change_speed", Math.round(Math.log2(then.speed / now.speed)));
    const loops = this.welcome.loops;
    const turns = loops.indexOf(then.loop) - loops.indexOf(now.loop);
    for (let left = (turns + loops.length) % loops.length; left; left -= 1) act("loop");
    if (then.between && !now.between) act("between");
    this.sent = say({ do: "move", x: then.x, y: then.y });
    if (then.playing) this.sent = act("play");
    if (then.perceptual) this.even = seriesOf(request);
    this.acts.push({ n: this.sent, at: performance.now() });
  }

  // Go on in perceptual time as soon as the line is known, if it is still the one that is played.
  makeEven() {
    const { state } = this;
    if (!this.performs || state.heard < this.sent) return;
    const elsewhere = state.perceptual || seriesOf(state.request) !== this.even;
    if (state.scanned || elsewhere) this.even = "";
    if (state.scanned && !elsewhere) this.act({ do: "act", name: "perceptual", value: null });
  }

  // ---- to the server

  // Tell the server something whose outcome it will say; returns its number, 0 if it is not told.
  act(message, at = performance.now()) {
    if (!this.mayPlay) return 0;
    this.flush(true);
    this.sent = this.wire.say(message);
    this.acts.push({ n: this.sent, at });
    if (this.acts.length > ACTS) this.acts.shift();
    return this.sent;
  }

  // Do an action of the table.
  perform(action, value, at) {
    if (!this.act({ do: "act", name: action.name, value }, at)) return;
    const jump = JUMPS[action.name];
    if (jump && this.state.moves && !this.state.waits) { // where that leads is known here already
      this.head.seek(...jump(value ?? action.parameter?.default));
      this.follow(at);
    }
  }

  change(request, at) {
    return this.act({ do: "change", request }, at);
  }

  write(expression) {
    this.writing = this.change({ expression });
  }

  control(want, to) {
    this.wire.plain({ do: "control", want, to });
  }

  // ---- where this page stands

  // The request at a place in ticks.
  at([x, y]) {
    const { state, head } = this;
    const place = x / head.ticks;
    if (state.axis === "u") return { ...state.request, u: place };
    return { ...state.request, t: place, u: state.pad ? y / head.ticks : state.request.u };
  }

  get here() {
    return this.at(this.head.point);
  }

  // Ask for the picture at this page's position; `at` is when an input led there. Who moves on fast
  // stands, for a display frame, where the nearest known picture is, if it is that near.
  follow(at = null) {
    if (!this.state.request) return;
    const reach = this.head.speed / this.head.ticks / 120; // half a display frame's way
    const here = this.here;
    this.picture.ask(reach ? this.store.near(here, reach) ?? here : here, at);
    this.on.changed();
  }

  // This page moved because of an input at `at`.
  moved(at) {
    this.unsaid = true;
    this.follow(at);
    this.flush();
  }

  // Tell where this page moved to, not more often than a display shows.
  flush(atOnce = false) {
    const now = performance.now();
    if (!this.unsaid || (!atOnce && now - this.toldAt < MOVE_MS)) return;
    this.unsaid = false;
    this.toldAt = now;
    if (!this.performs) return;
    const [x, y] = this.head.point;
    const message = { do: "move", x, y };
    if (this.head.speed && !atOnce) {
      const guess = (this.state.trip ?? 10) + (this.state.milliseconds ?? 20) + 10;
      message.ahead = this.head.ahead(this.lead.seconds(guess));
      const key = keyOf(this.at(message.ahead));
      if (!this.store.pictures.has(key)) this.lead.tell(key, now);
    }
    this.sent = this.wire.say(message);
  }
}
