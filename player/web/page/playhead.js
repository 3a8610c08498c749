// Where this page stands: it moves at once, and the server follows.

const HOLD_MS = 220; // from the first move of a held key to moving on

export const DIVISIONS = 400; // of a line: the server counts what it has cached in them

export class Playhead {
  constructor() {
    this.ticks = 10 * DIVISIONS;
    this.heldSpeed = 40; // divisions a second
    this.x = 0;
    this.y = this.ticks / 2;
    this.warp = null; // shares of all change, or null in raw time
    this.held = new Map(); // "x"/"y" + direction → since when
    this.scale = 1;
  }

  get fine() {
    return this.ticks / DIVISIONS; // ticks in a division
  }

  at(x, y) {
    this.x = x;
    this.y = y;
  }

  // Seek to a share of the bar or the pad; null keeps that axis.
  seek(along, across) {
    const snap = (share) => clamp(Math.round((share * this.ticks) / this.fine) * this.fine, this.ticks);
    if (along !== null) this.x = snap(along);
    if (across !== null) this.y = snap(across);
  }

  move(dx, dy) {
    this.rest();
    if (dx) {
      const before = this.x;
      this.x = Math.round(this.unseen(clamp(this.seen(before) + dx, this.ticks)));
      if (this.x === before) this.x = clamp(before + Math.sign(dx), this.ticks);
    }
    this.y = clamp(this.y + dy, this.ticks);
  }

  // Ticks a second along both axes, as the held keys have it at `now`.
  velocity(now) {
    const sum = { x: 0, y: 0 };
    for (const [key, since] of this.held) {
      if (now - since < HOLD_MS) continue;
      sum[key[0]] += this.heldSpeed * this.fine * this.scale * (key.endsWith("-") ? -1 : 1);
    }
    return [sum.x, sum.y];
  }

  // Ticks a second of the faster axis.
  get speed() {
    return Math.max(...this.velocity(performance.now()).map(Math.abs));
  }

  // The shown position in `seconds`, if the keys stay held.
  ahead(seconds) {
    const [vx, vy] = this.velocity(performance.now());
    const { x, y } = this;
    this.moveOn(vx * seconds, vy * seconds);
    const there = this.point;
    [this.x, this.y] = [x, y];
    return there;
  }

  moveOn(dx, dy) {
    if (dx) this.x = this.unseen(clamp(this.seen(this.x) + dx, this.ticks));
    if (dy) this.y = clamp(this.y + dy, this.ticks);
  }

  // Let `dt` seconds pass with keys held; true if anything moves.
  advance(dt, now) {
    const [vx, vy] = this.velocity(now);
    if (!vx && !vy) return false;
    this.moveOn(vx * dt, vy * dt);
    this.grain = Math.max(Math.abs(vx), Math.abs(vy)) >= this.fine * 20 ? this.fine : 1;
    return true;
  }

  rest() {
    [this.x, this.y] = this.point;
    this.grain = 1;
  }

  // The shown position in whole ticks.
  get point() {
    const grain = this.grain ?? 1;
    const along = this.warp && this.steep(this.x) ? 1 : grain;
    const snap = (value, size) => clamp(Math.round(value / size) * size, this.ticks);
    return [snap(this.x, along), snap(this.y, grain)];
  }

  seen(x) {
    if (!this.warp) return x;
    const last = this.warp.length - 1;
    const place = (x / this.ticks) * last;
    const index = Math.min(Math.floor(place), last - 1);
    const [low, high] = [this.warp[index], this.warp[index + 1]];
    return (low + (high - low) * (place - index)) * this.ticks;
  }

  unseen(s) {
    if (!this.warp) return s;
    const share = s / this.ticks;
    const last = this.warp.length - 1;
    let [low, high] = [0, last];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.warp[middle] <= share) low = middle;
      else high = middle;
    }
    const width = this.warp[high] - this.warp[low];
    const within = width > 0 ? (share - this.warp[low]) / width : 0;
    return clamp(((low + within) / last) * this.ticks, this.ticks);
  }

  steep(x) {
    const last = this.warp.length - 1;
    const index = Math.min(Math.floor((x / this.ticks) * last), last - 1);
    return (this.warp[index + 1] - this.warp[index]) * last > 1;
  }
}

function clamp(value, most) {
  return Math.min(Math.max(value, 0), most);
}
