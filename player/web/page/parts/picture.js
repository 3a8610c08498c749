// What is drawn: the picture asked for if it is here, else the nearest on the way to it.

import { distance, keyOf, seriesOf } from "../link/store.js";

const TRAIL = 1024; // requests that were asked for

export class Picture {
  // `drew` hears that another picture is on show.
  constructor(canvas, store, drew) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.store = store;
    this.drew = drew;
    this.want = null; // the request asked for
    this.wanted = "";
    this.drawn = null; // the request on show
    this.drawnKey = "";
    this.decoding = "";
    this.waiting = []; // inputs that no picture has answered yet: {key, at}
    this.latencies = []; // milliseconds from input to the picture that answers it
    this.trail = []; // what was asked for, and since when: {request, series, at}
    this.ages = []; // for each display frame whose picture was behind: since when it was passed
    this.shown = 0; // display frames that showed another picture
    this.draws = 0;
    this.last = "";
    this.covering = null; // a picture that answers no request and lies on it
    this.laid = false; // whether that is drawn by now
    this.era = 0; // another after `forget`
  }

  // Show a picture that answers no request; null shows again what is asked for.
  async cover(blob) {
    if (blob === this.covering) return;
    this.covering = blob;
    if (!blob) {
      if (this.laid) this.forget();
      this.laid = false;
      if (this.want) this.ask(this.want);
      return;
    }
    try {
      const image = await decode(blob);
      if (this.covering === blob) {
        this.laid = true;
        this.paint(image);
      }
      image.close?.();
    } catch {
      // as in `consider`
    }
  }

  // Count what is on show as no picture of what is asked for: whatever comes next is better.
  forget() {
    this.drawn = null;
    this.drawnKey = this.decoding = "";
    this.era += 1;
  }

  // Ask for a picture because of an input at `at` milliseconds, or of none.
  ask(request, at = null) {
    const before = this.wanted;
    this.want = request;
    this.wanted = keyOf(request);
    if (this.wanted !== before) {
      this.trail.push({ request, series: seriesOf(request), at: performance.now() });
      if (this.trail.length > TRAIL) this.trail.shift();
    }
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
    const { era } = this;
    this.decoding = key;
    try {
      const image = await decode(kept.blob);
      // what was meanwhile wanted, or drawn, may lie nearer
      if (era === this.era && (key === this.wanted || this.better(key))) {
        this.draw(key, kept.request, image);
      }
      image.close?.();
    } catch {
      // a picture that cannot be decoded is not drawn
    } finally {
      if (era === this.era && this.decoding === key) this.decoding = "";
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
    return elsewhere && (this.passed(candidate) ?? 0) > (this.passed(this.drawn) ?? 0);
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
    this.drew();
    const answered = this.waiting.findLastIndex((one) => one.key === key);
    if (answered < 0) return;
    const now = performance.now();
    for (const one of this.waiting.splice(0, answered + 1)) {
      this.latencies.push(now - one.at);
      if (this.latencies.length > 4096) this.latencies.shift();
    }
  }

  // Whether another picture is wanted than the one on show.
  get behind() {
    return this.drawn !== null && this.drawnKey !== this.wanted;
  }

  // When what was asked for last went past a request's place, or to another series than its; null
  // where it never was there.
  passed(request) {
    const series = seriesOf(request);
    for (let i = this.trail.length - 1; i > 0; i -= 1) {
      const [from, to] = [this.trail[i - 1], this.trail[i]];
      if (from.series !== series) continue;
      if (to.series !== series || lies(request, from.request, to.request)) return to.at;
    }
    return null;
  }

  // Count, once a display frame, whether it shows another picture than the last, and how old one
  // is that is behind; one that waits for the place to get there is not.
  tick(now) {
    if (this.behind) {
      const passed = this.passed(this.drawn);
      if (passed !== null) this.ages.push(Math.max(now - passed, 0));
      if (this.ages.length > 4096) this.ages.shift();
    }
    if (this.drawnKey !== this.last) this.shown += 1;
    this.last = this.drawnKey;
  }
}

// Whether a request lies on the straight way from one to another, not being that other.
function lies(request, from, to) {
  const along = (name) => Math.min(from[name], to[name]) <= request[name] &&
    request[name] <= Math.max(from[name], to[name]);
  return along("t") && along("u") && distance(request, to) > 0;
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
