// The expressions that were typed here, newest last, each once; the browser keeps them if it may.

const MOST = 200;
const NAME = "expressions";

export class History {
  constructor() {
    this.words = [];
    this.back = 0; // which of them is in the field, 1 for the newest; 0 for none
    this.draft = ""; // what was in the field before that
    try {
      const kept = JSON.parse(localStorage.getItem(NAME));
      this.words = kept.filter((one) => typeof one === "string").slice(-MOST);
    } catch { /* nothing is kept, or nothing may be */ }
  }

  add(words) {
    this.words = [...this.words.filter((one) => one !== words), words].slice(-MOST);
    this.rest();
    try {
      localStorage.setItem(NAME, JSON.stringify(this.words));
    } catch { /* it lasts as long as the page */ }
  }

  // Go back (1) or forth (-1) from `shown`; returns what to show then, null at either end.
  step(way, shown) {
    const back = this.back + way;
    if (back < 0 || back > this.words.length) return null;
    if (!this.back) this.draft = shown;
    this.back = back;
    return back ? this.words.at(-back) : this.draft;
  }

  rest() {
    this.back = 0;
  }
}
