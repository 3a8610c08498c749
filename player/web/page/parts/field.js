// The expression: written, completed from the words that the model knows, refused with a caret.

const MOST = 8;

export class Field {
  constructor(form, { write }) {
    this.input = form.querySelector("#expression");
    this.list = form.querySelector("#completions");
    this.caret = form.querySelector("#caret");
    this.words = [];
    this.selected = -1;
    this.input.addEventListener("input", () => this.complete());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.offer([]));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.offer([]);
      write(this.input.value);
    });
  }

  // Show what is played when that changes; what somebody has begun to write stays until then.
  show(expression) {
    if (this.shown === expression || document.activeElement === this.input) return;
    this.shown = this.input.value = expression;
  }

  accept() {
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
    const begun = before.match(/[\p{L}\p{N}'’-]+$/u)?.[0].toLowerCase() ?? "";
    const fits = (word) => word.startsWith(begun) && word !== begun;
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
    const items = [...this.list.children];
    if (event.key === "Escape") {
      if (items.length) this.offer([]);
      else {
        this.input.value = this.shown ?? "";
        this.accept();
        this.input.blur();
      }
    } else if (items.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const way = event.key === "ArrowDown" ? 1 : -1;
      this.selected = (this.selected + way + items.length) % items.length;
      items.forEach((item, index) => item.setAttribute("aria-selected", index === this.selected));
      this.input.setAttribute("aria-activedescendant", items[this.selected].id);
    } else if (this.selected >= 0 && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      this.take(items[this.selected].textContent);
    }
  }
}
