// The expression: written, completed from the words that the model knows, refused with a caret.

import { History } from "./history.js";

const MOST = 8;

export class Field {
  constructor(form, { write }) {
    this.input = form.querySelector("#expression");
    this.list = form.querySelector("#completions");
    this.caret = form.querySelector("#caret");
    this.words = [];
    this.presets = []; // whole expressions to begin with
    this.history = new History();
    this.sent = ""; // what was written last
    this.selected = -1;
    this.input.addEventListener("input", () => this.complete());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.offer([]));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.offer([]);
      this.sent = this.input.value;
      write(this.sent);
    });
  }

  // Show what is played when that changes; what somebody has begun to write stays until then.
  show(expression) {
    if (this.shown === expression || document.activeElement === this.input) return;
    this.shown = this.input.value = expression;
  }

  // What was written is played now.
  accept() {
    this.clear();
    this.history.add(this.sent);
  }

  clear() {
    this.caret.replaceChildren();
    this.input.removeAttribute("aria-invalid");
  }

  // Show why it was refused, with a caret under the place where that is known.
  refuse(message, text, column) {
    const why = document.createElement("span");
    why.textContent = message;
    const place = text === undefined ? "" : `${text}\n${" ".repeat(column)}^\n`;
    this.caret.replaceChildren(place, why);
    this.input.setAttribute("aria-invalid", "true");
    this.input.focus();
    if (text === this.input.value) this.input.setSelectionRange(column, column);
  }

  complete() {
    const before = this.input.value.slice(0, this.input.selectionStart);
    this.history.rest();
    if (!this.input.value.trim()) {
      this.begun = before;
      this.offer(this.presets);
      return;
    }
    const begun = before.match(/\p{L}[\p{L}\p{N}_'’-]*$/u)?.[0].toLowerCase() ?? "";
    const fits = (word) => word.toLowerCase().startsWith(begun) && word.toLowerCase() !== begun;
    this.begun = begun;
    this.offer(begun ? this.words.filter(fits).slice(0, MOST) : []);
  }

  offer(words) {
    this.selected = -1;
    this.list.replaceChildren(...words.map((word, index) => {
      const item = document.createElement("li");
      item.id = `completion-${index}`;
      item.role = "option";
      item.textContent = word;
      item.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.take(word);
      });
      return item;
    }));
    this.list.hidden = !words.length;
    this.input.setAttribute("aria-expanded", String(Boolean(words.length)));
    this.input.removeAttribute("aria-activedescendant");
  }

  take(word) {
    const end = this.input.selectionStart;
    this.input.setRangeText(word, end - this.begun.length, end, "end");
    this.offer([]);
    this.input.focus();
  }

  key(event) {
    if (event.isComposing) return; // the key is the input method's
    const items = [...this.list.children];
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") {
      if (items.length) this.offer([]);
      else {
        this.input.value = this.shown ?? "";
        this.clear();
        this.history.rest();
        this.input.blur();
      }
    } else if (items.length && way) {
      event.preventDefault();
      this.selected = (Math.max(this.selected, way > 0 ? -1 : 0) + way + items.length) % items.length;
      items.forEach((item, index) => item.setAttribute("aria-selected", index === this.selected));
      this.input.setAttribute("aria-activedescendant", items[this.selected].id);
    } else if (way) {
      event.preventDefault();
      this.input.value = this.history.step(-way, this.input.value) ?? this.input.value;
    } else if (event.key === "Enter" && this.selected >= 0) {
      event.preventDefault();
      this.take(items[this.selected].textContent);
    } else if (event.key === "Tab" && !event.shiftKey && items.length) {
      event.preventDefault();
      this.take(items[Math.max(this.selected, 0)].textContent);
    }
  }
}
