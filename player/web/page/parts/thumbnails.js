// Small pictures of what is here: under the mouse on the bar, and on the cues.

import { DIVISIONS } from "../playhead.js";
import { keyOf } from "../link/store.js";
import { decode } from "./picture.js";

const SIDE = 96; // pixels of the longer side, twice as large as on the cues

// Paints the picture of a request into a canvas; resolves to whether it is here.
async function paint(canvas, store, request, still = () => true) {
  const kept = store.pictures.get(keyOf(request)); // looking at it is no use of it
  if (!kept) return false;
  try {
    const image = await decode(kept.blob);
    if (still()) {
      const scale = SIDE / Math.max(image.width, image.height);
      canvas.width = Math.max(Math.round(image.width * scale), 1);
      canvas.height = Math.max(Math.round(image.height * scale), 1);
      canvas.getContext("2d", { alpha: false }).drawImage(image, 0, 0, canvas.width, canvas.height);
    }
    image.close?.();
    return true;
  } catch {
    return false; // a picture that cannot be decoded is not drawn
  }
}

// Paints the cues whose pictures have come since.
export function paintCues(box, cues, store) {
  for (const [index, canvas] of [...box.querySelectorAll("canvas")].entries()) {
    const request = cues?.[index]?.[1];
    if (!request || canvas.dataset.painted || !store.pictures.has(keyOf(request))) continue;
    canvas.dataset.painted = "true";
    paint(canvas, store, request, () => canvas.isConnected).then((there) => {
      canvas.hidden = !there;
    });
  }
}

// What lies under the mouse on the bar: its place, and its picture where that is here.
export class Tip {
  constructor(box, session, store) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.words = box.querySelector("figcaption");
    this.session = session;
    this.store = store;
    this.place = null;
  }

  // Show what lies at a share of the bar, `left` pixels from its beginning.
  async show(share, left) {
    const { state, here } = this.session;
    if (!state.moves || !here) return;
    const place = Math.round(share * DIVISIONS) / DIVISIONS;
    const request = { ...here, [state.axis]: place };
    const key = keyOf(request);
    this.box.hidden = false;
    const half = this.box.offsetWidth / 2;
    const room = this.box.parentElement.clientWidth;
    this.box.style.left = `${Math.min(Math.max(left, half), room - half)}px`;
    if (key === this.place && !this.canvas.hidden) return;
    if (key !== this.place) {
      this.place = key;
      this.words.textContent = `${state.axis} ${place.toFixed(4)}`;
    }
    const there = await paint(this.canvas, this.store, request, () => this.place === key);
    if (this.place === key) this.canvas.hidden = !there;
  }

  hide() {
    this.place = null;
    this.box.hidden = this.canvas.hidden = true;
  }
}
