// Keys, fingers and the mouse: they move the playhead or press an action.

import { INSET } from "./parts/seekbar.js";
import { find, isTyping, nameOf } from "./keys.js";

const $ = (id) => document.getElementById(id);
const AXIS_OF = { move: "x", move_u: "y" };
const BROWSERS = new Set(["F5", "F11", "F12"]); // reload, full screen, tools

export class Input {
  constructor(session, actions, tip) {
    this.session = session;
    this.head = session.head;
    this.actions = actions;
    addEventListener("keydown", (event) => this.down(event));
    addEventListener("keyup", (event) => this.up(event));
    addEventListener("blur", () => this.release(performance.now()));
    this.track($("bar"), (event) => this.head.seek(share($("bar"), event)[0], null));
    this.track($("pad"), (event) => this.head.seek(...share($("pad"), event)));
    $("bar").addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return;
      tip.show(share($("bar"), event)[0], event.clientX - $("along").getBoundingClientRect().left);
    });
    $("bar").addEventListener("pointerleave", () => tip.hide());
    for (const element of [$("frame"), $("along"), $("pad")]) {
      element.addEventListener("wheel", (event) => this.wheel(element, event), { passive: false });
    }
  }

  down(event) {
    if (BROWSERS.has(event.key) || event.metaKey || event.altKey || isTyping(event)) return;
    const name = nameOf(event);
    const modifiers = { shift: event.shiftKey, ctrl: event.ctrlKey };
    const bound = find(this.actions.table, this.along(name), modifiers) ??
      (event.ctrlKey ? this.held(name) : null);
    if (!bound) return;
    if (name === "Tab" && (event.shiftKey || !this.flips)) return; // on to the next control
    event.preventDefault();
    if (bound.action.held) this.hold(name, true, event);
    else if (!event.repeat) this.actions.press(bound.action, bound.key.value, event);
  }

  up(event) {
    this.head.scale = event.shiftKey ? 10 : event.ctrlKey ? 0.1 : 1;
    if (this.held(nameOf(event))) this.hold(nameOf(event), false, event);
  }

  // Press or release an arrow, by key or by button.
  hold(name, down, event) {
    const { head, session } = this;
    const bound = this.held(name);
    const axis = bound && AXIS_OF[bound.action.name];
    if (!axis) return;
    const id = `${axis}${bound.key.value < 0 ? "-" : "+"}`;
    head.scale = event.shiftKey ? 10 : event.ctrlKey ? 0.1 : 1;
    if (!down) {
      if (head.held.delete(id) && !head.held.size) this.rest(event.timeStamp);
      return;
    }
    if (head.held.has(id) || !session.state.moves || !session.mayPlay) return;
    if (axis === "y" && !session.state.pad) return;
    head.held.set(id, performance.now());
    const ticks = Math.round(head.fine * head.scale) * bound.key.value;
    head.move(axis === "x" ? ticks : 0, axis === "y" ? ticks : 0);
    session.moved(event.timeStamp);
  }

  release(at) {
    if (!this.head.held.size) return;
    this.head.held.clear();
    this.rest(at);
  }

  rest(at) {
    this.head.rest();
    this.session.moved(at);
  }

  // Where the bar shows the second axis, ↑ and ↓ go along it.
  along(name) {
    const { axis, pad } = this.session.state;
    return axis !== "u" || pad ? name : { Up: "Right", Down: "Left" }[name] ?? name;
  }

  held(name) {
    const bound = find(this.actions.table, this.along(name), { shift: false, ctrl: false });
    return bound?.action.held ? bound : null;
  }

  get flips() {
    const on = document.activeElement;
    return Boolean(this.session.state.marks?.length) &&
      (on === document.body || on === $("bar") || on === $("pad"));
  }

  track(element, place) {
    const { session } = this;
    const follow = (event) => {
      place(event);
      session.moved(event.timeStamp);
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !session.mayPlay || !session.state.moves) return;
      element.setPointerCapture(event.pointerId);
      session.dragging.add(event.pointerId);
      follow(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (session.dragging.has(event.pointerId)) follow(event);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(end, (event) => session.dragging.delete(event.pointerId));
    }
  }

  wheel(element, event) {
    const { head, session } = this;
    if (event.ctrlKey || !session.state.moves || !session.performs) return;
    event.preventDefault();
    const ticks = -Math.sign(event.deltaY || -event.deltaX) * head.fine;
    if (element === $("pad")) head.move(0, ticks);
    else head.move(ticks, 0);
    session.moved(event.timeStamp);
  }
}

function share(element, event) {
  const box = element.getBoundingClientRect();
  const within = (at, low, size) => Math.min(Math.max((at - low - INSET) / (size - 2 * INSET), 0), 1);
  return [
    within(event.clientX, box.left, box.width), 1 - within(event.clientY, box.top, box.height),
  ];
}
