// What is drawn: the picture asked for if it is here, else the nearest on the way to it.

import { distance, keyOf, seriesOf } from "./store.js";

export class Picture {
  constructor(canvas, store) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.store = store;
    this.want = null; // the request asked for
    this.wanted = "";
    this.drawn = null; // the request on show
    this.drawnKey = "";
    this.decoding = "";
    this.waiting = []; // inputs that no picture has answered yet: {key, at}
    this.latencies = []; // milliseconds from input to the picture that answers it
    this.asked = new Map(); // key → when it was last asked for
    this.ages = []; // how old the picture on show was, a display frame each, while it was behind
    this.shown = 0; // display frames that showed another picture
    this.draws = 0;
    this.last = "";
    this.laid = false; // whether something lies on it that answers no request
  }

  // Show a picture that answers no request, until `lift`.
  async lay(blob) {
    try {
      const image = await decode(blob);
      this.laid = true;
      this.paint(image);
      image.close?.();
    } catch {
      // as in `consider`
    }
  }

  // Show again what is asked for.
  lift() {
    if (!this.laid) return;
    this.laid = false;
    this.drawn = null;
    this.drawnKey = "";
    if (this.want) this.ask(this.want);
  }

  // Ask for a picture because of an input at `at` milliseconds, or of none.
  ask(request, at = null) {
    const before = this.wanted;
    this.want = request;
    this.wanted = keyOf(request);
    if (this.wanted !== before) this.remember(before);
    if (at !== null && this.wanted !== before && this.wanted !== this.drawnKey) {
      this.waiting.push({ key: this.wanted, at });
      if (this.waiting.length > 512) this.waiting.shift();
    }
    const here = this.store.get(this.wanted) ? this.wanted : this.store.nearest(request);
    if (here) this.consider(here);
  }

  // Draw a kept picture if it is nearer to what is wanted than what is on show.
  async consider(key) {
    if (key === this.drawnKey || key === this.decoding || !this.better(key)) return;
    const kept = this.store.get(key);
    this.decoding = key;
    try {
      const image = await decode(kept.blob);
      // what was meanwhile wanted, or drawn, may lie nearer
      if (key === this.wanted || this.better(key)) this.draw(key, kept.request, image);
      image.close?.();
    } catch {
      // a picture that cannot be decoded is not drawn
    } finally {
      if (this.decoding === key) this.decoding = "";
    }
  }

  better(key) {
    if (!this.drawn || key === this.wanted) return true;
    if (this.drawnKey === this.wanted || !this.want) return false;
    const candidate = this.store.pictures.get(key)?.request;
    if (!candidate) return false;
    const series = seriesOf(this.want);
    const elsewhere = seriesOf(this.drawn) !== series;
    if (seriesOf(candidate) === series) {
      return elsewhere || distance(candidate, this.want) < distance(this.drawn, this.want);
    }
    // on the way to another seed or setting, what was asked for later
    return elsewhere && (this.asked.get(key) ?? 0) > (this.asked.get(this.drawnKey) ?? 0);
  }

  paint(image) {
    if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
      this.canvas.width = image.width;
      this.canvas.height = image.height;
    }
    this.context.drawImage(image, 0, 0);
  }

  draw(key, request, image) {
    if (!this.laid) this.paint(image);
    this.drawn = request;
    this.drawnKey = key;
    this.draws += 1;
    const answered = this.waiting.findLastIndex((one) => one.key === key);
    if (answered < 0) return;
    const now = performance.now();
    for (const one of this.waiting.splice(0, answered + 1)) {
      this.latencies.push(now - one.at);
      if (this.latencies.length > 4096) this.latencies.shift();
    }
  }

  // Note when a picture was last what was asked for.
  remember(key) {
    this.asked.delete(key);
    this.asked.set(key, performance.now());
    if (this.asked.size > 512) this.asked.delete(this.asked.keys().next().value);
  }

  // Count, once a display frame, whether it shows another picture than the last.
  tick(now) {
    if (this.drawnKey !== this.wanted && this.asked.has(this.drawnKey)) {
      this.ages.push(now - this.asked.get(this.drawnKey));
      if (this.ages.length > 4096) this.ages.shift();
    }
    if (this.drawnKey !== this.last) this.shown += 1;
    this.last = this.drawnKey;
  }
}

export async function decode(blob) {
  if (globalThis.createImageBitmap) return createImageBitmap(blob);
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return image;
}
