// Figures of what is going on: a few always, the page of them behind a key.

export class Readouts {
  constructor(session) {
    this.session = session;
    this.at = performance.now();
    this.shown = 0;
    this.received = 0;
    this.rate = 0;
    this.bytes = 0;
  }

  measure() {
    const { picture, wire } = this.session;
    const now = performance.now();
    if (now - this.at < 500) return;
    const passed = (now - this.at) / 1000;
    this.rate = (picture.shown - this.shown) / passed;
    this.bytes = (wire.received - this.received) / passed;
    [this.at, this.shown, this.received] = [now, picture.shown, wire.received];
  }

  rows() {
    this.measure();
    const { state, welcome, store, picture } = this.session;
    const rows = [];
    if (state.playing || state.speed !== 1) {
      rows.push(["motion", `${state.playing ? "playing " : "speed "}×${state.speed}`]);
    }
    if (state.recording !== null) rows.push(["recording", `${state.recording.toFixed(1)} s`]);
    if (state.perceptual) rows.push(["time", "perceptual"]);
    if (state.extrapolates) rows.push(["weights", "extrapolating"]);
    if (state.rows) rows.push(["edited", state.rows]);
    const divisions = (state.cached ?? []).reduce((sum, [low, high]) => sum + high - low + 1, 0);
    const here = `here ${store.pictures.size}`;
    rows.push(["known", state.moves ? `${divisions} of 401, ${here}` : here]);
    if (state.milliseconds) rows.push(["render", `${state.milliseconds} ms`]);
    const recent = quantiles(picture.latencies.slice(-60));
    if (recent) rows.push(["input to picture", `${recent.p50.toFixed(0)} ms`]);
    if (this.rate >= 1) rows.push(["pictures", `${this.rate.toFixed(0)} a second`]);
    if (state.trip !== null) rows.push(["round trip", `${state.trip} ms`]);
    rows.push(["model", `${welcome.model}${state.engine ? ` on ${state.engine}` : ""}`]);
    return rows;
  }

  // Everything that was measured in this page since it was opened.
  page() {
    this.measure();
    const { state, store, picture, wire } = this.session;
    const spread = (values) => {
      const found = quantiles(values);
      return found
        ? `${found.p50.toFixed(1)} / ${found.p99.toFixed(1)} ms  (${values.length})` : "–";
    };
    return [
      ["input to picture, p50 / p99", spread(picture.latencies)],
      ["age of a picture that is behind, p50 / p99", spread(picture.ages)],
      ["pictures shown", `${picture.shown}, ${this.rate.toFixed(0)} a second`],
      ["received", `${mega(wire.received)} MB, ${mega(this.bytes)} MB a second`],
      ["kept here", `${store.pictures.size} pictures, ${mega(store.bytes)} MB`],
      ["render, mean", state.milliseconds ? `${state.milliseconds} ms` : "–"],
      ["round trip, least", state.trip === null ? "–" : `${state.trip} ms`],
      ["uses of the server's cache", String(state.hits ?? 0)],
    ];
  }
}

const mega = (bytes) => (bytes / 1e6).toFixed(1);

function quantiles(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
  return { p50: at(0.5), p99: at(0.99) };
}
