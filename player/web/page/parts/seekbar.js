// The bar, the storm strip on it, and the pad: drawn on canvases of their own, at the display's size.

import { DIVISIONS } from "../playhead.js";

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();
const FONT = '12px system-ui, "DejaVu Sans", sans-serif';
export const INSET = 10;

function fit(canvas) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function words(context, text, x, y, room, align = "center") {
  if (room < 12) return;
  context.font = FONT;
  context.textAlign = align;
  let shown = text;
  while (shown && context.measureText(shown + (shown === text ? "" : "…")).width > room) {
    shown = shown.slice(0, -1);
  }
  if (shown) context.fillText(shown === text ? text : `${shown}…`, x, y);
}

// `place` 0 to 1; `ghost` 0 to 1 or null.
export function drawBar(canvas, state, place, ghost) {
  const { context, width } = fit(canvas);
  const inner = width - 2 * INSET;
  const top = 10;
  const tall = 12;
  const at = (share) => INSET + share * inner;
  context.fillStyle = colour("trough");
  context.fillRect(INSET, top, inner, tall);
  context.fillStyle = colour("cached");
  for (const [low, high] of state.cached ?? []) {
    const [left, right] = [at(low / DIVISIONS), at(high / DIVISIONS)];
    context.fillRect(left, top, Math.max(right - left, 2), tall);
  }
  if (!state.moves) return;
  const below = top + tall + 21;
  context.fillStyle = colour("dim");
  const taken = (state.marks ?? []).map(([, x]) => at(x));
  const stations = state.stations ?? [];
  const ends = state.ends?.[state.axis] ?? ["", ""];
  const room = inner / (stations.length + 2) - 8;
  const label = (text, x, align) => {
    if (!taken.some((other) => Math.abs(other - x) < 14)) words(context, text, x, below, room, align);
  };
  label(ends[0], INSET, "left");
  label(ends[1], INSET + inner, "right");
  for (const [share, text] of stations) {
    context.fillRect(at(share) - 0.5, top - 3, 1, tall + 6);
    label(text, at(share), "center");
  }
  context.fillStyle = colour("text");
  for (const [name, x] of state.marks ?? []) {
    context.fillRect(at(x) - 1, top - 4, 2, tall + 8);
    words(context, name, at(x), below, 40);
  }
  if (ghost !== null) {
    context.strokeStyle = colour("dim");
    context.lineWidth = 2;
    context.strokeRect(at(ghost) - 4, top - 3, 8, tall + 6);
  }
  context.fillStyle = colour("room");
  context.fillRect(at(place) - 6, top - 8, 12, tall + 16);
  context.fillStyle = colour("accent");
  context.fillRect(at(place) - 4, top - 6, 8, tall + 12);
}

export function drawStorms(canvas, state) {
  const { context, width, height } = fit(canvas);
  const inner = width - 2 * INSET;
  const values = state.speeds ?? [];
  const each = inner / (values.length || 1);
  values.forEach((value, index) => {
    if (!value) return;
    const [tall, storm] = value;
    const size = Math.max(((height - 2) * tall) / 100, 1.5);
    context.globalAlpha = 1;
    context.fillStyle = colour("cached");
    context.fillRect(INSET + index * each, height - size, each + 0.5, size);
    context.globalAlpha = storm / 100;
    context.fillStyle = colour("accent");
    context.fillRect(INSET + index * each, height - size, each + 0.5, size);
  });
  context.globalAlpha = 1;
}

export function drawPad(canvas, state, x, y, ghost) {
  const { context, width, height } = fit(canvas);
  const [w, h] = [width - 2 * INSET, height - 2 * INSET];
  const at = (t, u) => [INSET + t * w, INSET + (1 - u) * h];
  context.strokeStyle = colour("edge");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(...at(0, 0.5));
  context.lineTo(...at(1, 0.5));
  context.moveTo(...at(0.5, 0));
  context.lineTo(...at(0.5, 1));
  context.stroke();
  context.fillStyle = colour("dim");
  const [t, u] = [state.ends?.t ?? ["", ""], state.ends?.u ?? ["", ""]];
  words(context, t[0], INSET, INSET + h / 2 + 15, w / 2 - 8, "left");
  words(context, t[1], INSET + w, INSET + h / 2 + 15, w / 2 - 8, "right");
  words(context, u[1], INSET + w / 2, INSET + 8, w - 8);
  words(context, u[0], INSET + w / 2, INSET + h, w - 8);
  for (const [low, high] of state.cached ?? []) {
    const [left, row] = at(low / DIVISIONS, y);
    context.fillRect(left, row - 0.5, Math.max(((high - low) / DIVISIONS) * w, 1), 1);
  }
  context.fillStyle = colour("text");
  for (const [name, a, b] of state.marks ?? []) {
    const [left, top] = at(a, b);
    words(context, name, left, top + 4, 40);
  }
  const disc = (place, size, fill) => {
    context.beginPath();
    context.arc(...place, size, 0, 2 * Math.PI);
    if (fill) {
      context.fillStyle = fill;
      context.fill();
    } else context.stroke();
  };
  if (ghost) {
    context.strokeStyle = colour("dim");
    context.lineWidth = 2;
    disc(at(...ghost), 7);
  }
  disc(at(x, y), 10, colour("room"));
  disc(at(x, y), 8, colour("accent"));
}
