// How far ahead of this page its pictures are asked for while a key is held: so that one is here when
// the page gets there, and does not always show where it was a round trip and a render ago.

const KEPT = 8;
const MOST = 0.5; // seconds
const STEADY = 0.02; // seconds by which a lead must be wrong to change: each change skips a picture

export class Lead {
  constructor() {
    this.told = new Map(); // key → when it was asked for
    this.taken = []; // milliseconds until such pictures came
    this.kept = 0;
  }

  // Seconds: nearly the longest of the last, as a picture that is early waits and one that is late
  // is passed; `guess` is what counts as long as none came.
  seconds(guess) {
    const sorted = [...this.taken].sort((a, b) => a - b);
    const due = Math.min((sorted.at(-2) ?? sorted.at(-1) ?? guess) / 1000, MOST);
    if (Math.abs(due - this.kept) > STEADY) this.kept = due;
    return this.kept;
  }

  tell(key, now) {
    if (this.told.has(key)) return;
    this.told.set(key, now);
    if (this.told.size > 64) this.told.delete(this.told.keys().next().value);
  }

  came(key, now) {
    if (!this.told.has(key)) return;
    this.taken.push(now - this.told.get(key));
    this.taken = this.taken.slice(-KEPT);
    this.told.delete(key);
  }

  forget() {
    this.told.clear();
    this.taken = [];
  }
}
