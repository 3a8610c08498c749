// Pictures as they came over the wire, by request, within a budget: the second pass costs no network.

const PART = 128; // places of one message, which is to be short
const FIELDS = ["expression", "seed", "steps", "edit", "edit_row", "interp"];

export function seriesOf(request) {
  return JSON.stringify(FIELDS.map((name) => request[name]));
}

export function keyOf(request) {
  return `${seriesOf(request)}|${request.t}|${request.u}`;
}

export class Store {
  constructor(budget) {
    this.budget = budget;
    this.bytes = 0;
    this.pictures = new Map(); // key → {request, blob, seq}, least recently used first
    this.series = new Map(); // series → Map(key → request)
  }

  get(key) {
    const found = this.pictures.get(key);
    if (found) {
      this.pictures.delete(key);
      this.pictures.set(key, found);
    }
    return found;
  }

  // Returns the message numbers of what had to go.
  put(request, blob, seq) {
    const key = keyOf(request);
    if (this.pictures.has(key)) this.drop(key);
    const gone = [];
    while (this.pictures.size && this.bytes + blob.size > this.budget) {
      const [oldest, picture] = this.pictures.entries().next().value;
      gone.push(picture.seq);
      this.drop(oldest);
    }
    this.pictures.set(key, { request, blob, seq });
    this.bytes += blob.size;
    const series = seriesOf(request);
    if (!this.series.has(series)) this.series.set(series, new Map());
    this.series.get(series).set(key, request);
    return gone;
  }

  // The kept picture closest to a request among those that differ only in position.
  nearest(request) {
    let best = null;
    let least = Infinity;
    for (const [key, other] of this.series.get(seriesOf(request)) ?? []) {
      const away = distance(request, other);
      if (away < least) [least, best] = [away, key];
    }
    return best;
  }

  // A kept picture within `reach` of a request's place along its line, or null.
  near(request, reach) {
    const key = this.nearest(request);
    if (key === null) return null;
    const found = this.pictures.get(key).request;
    return distance(found, request) <= reach ** 2 ? found : null;
  }

  clear() {
    this.bytes = 0;
    this.pictures.clear();
    this.series.clear();
  }

  // What is kept, in parts that fit a message: {request, places: [[seq, t, u], …]}.
  *listed() {
    for (const line of this.series.values()) {
      const kept = [...line].map(([key, { t, u }]) => [this.pictures.get(key).seq, t, u]);
      const { t, u, ...request } = line.values().next().value;
      for (let first = 0; first < kept.length; first += PART) {
        yield { request, places: kept.slice(first, first + PART) };
      }
    }
  }

  drop(key) {
    const picture = this.pictures.get(key);
    this.pictures.delete(key);
    this.bytes -= picture.blob.size;
    const series = seriesOf(picture.request);
    const line = this.series.get(series);
    line.delete(key);
    if (!line.size) this.series.delete(series);
  }
}

export function distance(one, other) {
  return (one.t - other.t) ** 2 + (one.u - other.u) ** 2;
}
