// Buttons, readouts, tokens and help: all made from what the server says there is.

const $ = (id) => document.getElementById(id);
const FIRST = ["home", "play", "mark_a", "mark_b", "flip", "save", "record"];
const SHORT = {
  home: "Start", play: "Play", mark_a: "Mark A", mark_b: "Mark B", flip: "Flip", save: "Still",
  record: "Record",
};
const ARROWS = { Left: "◀", Right: "▶", Up: "▲", Down: "▼" };

export function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// Buttons for the table of actions; `press(action, value)` does one, `hold(key, down)` an arrow.
export function makeButtons(actions, { press, hold }) {
  const arrow = (name) => {
    const words = { Left: "back", Right: "on", Up: "up", Down: "down" }[name];
    const button = make("button", ARROWS[name], { type: "button", "aria-label": `move ${words}` });
    button.dataset.arrow = name;
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      hold(name, true, event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      button.addEventListener(end, (event) => hold(name, false, event));
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      if (event.detail) return; // a pointer was heard already; this is Enter or Space
      hold(name, true, event);
      hold(name, false, event);
    });
    return button;
  };
  const plain = (action, label, value) => {
    const button = make("button", label, { type: "button", title: action.meaning });
    button.dataset.action = action.name;
    button.addEventListener("click", (event) => press(action, value, event));
    return button;
  };
  const named = new Map(actions.map((action) => [action.name, action]));
  const first = FIRST.filter((name) => named.has(name)).map((name) =>
    plain(named.get(name), SHORT[name], null));
  const arrows = actions.filter((action) => action.held).flatMap((action) => action.keys)
    .filter((key) => ARROWS[key.name]).map((key) => arrow(key.name));
  $("transport").replaceChildren(...arrows, ...first);
  $("transport").querySelector('[data-action="play"]')?.classList.add("main");
  $("actions").replaceChildren(...actions.filter((action) => !action.held).map((action) => {
    const row = make("div", undefined, { class: "action" });
    row.append(make("span", action.meaning), make("kbd", action.keys.length ? action.label : ""));
    for (const value of valuesOf(action)) {
      const label = value === null ? "Do" : worded(value, action.parameter);
      const button = plain(action, label, value);
      button.setAttribute("aria-label", `${action.meaning}${value === null ? "" : ` ${label}`}`);
      row.append(button);
    }
    return row;
  }));
}

// The values that an action is worth a button for: those of its keys, at most a few.
function valuesOf(action) {
  if (!action.parameter) return [null];
  const values = [...new Set(action.keys.map((key) => key.value).filter((one) => one !== null))];
  if (!values.length) return [action.parameter.default];
  return values.length <= 3 ? values : [values[0], values[values.length >> 1], values.at(-1)];
}

function worded(value, parameter) {
  const short = String(Number(value.toFixed(2)));
  return parameter.relative && value > 0 ? `+${short}` : short.replace("-", "−");
}

export function makeHelp(rows) {
  $("keys").replaceChildren(...rows.flatMap(([keys, words]) => [make("dt", keys), make("dd", words)]));
}

// Show pairs of what and value in a <dl>.
export function showPairs(list, rows) {
  const text = rows.map((row) => row.join("\t")).join("\n");
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...rows.flatMap(([what, value]) => [make("dt", what), make("dd", value)]));
}

export function showTokens(prompts) {
  const box = $("tokens");
  const text = JSON.stringify(prompts);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(...prompts.map((prompt) => {
    const row = make("div", undefined, { class: "prompt" });
    const shares = prompt.coefficients.map((one) => `${one < 0 ? "−" : "+"}${Math.abs(one).toFixed(3)}`);
    row.append(make("span", shares.join(" ") || "layout", { class: "weight" }));
    for (const [number, word, used] of prompt.cells) {
      const cell = make("span", word, { class: used ? "cell used" : "cell" });
      cell.append(make("sub", String(number)));
      row.append(cell);
    }
    return row;
  }));
}

// Who performs; `control(want, to)` asks or hands over.
export function showRoles(state, you, control) {
  const box = $("roles");
  const mine = state.performer === you;
  const text = JSON.stringify([state.performer, state.asking, state.viewers, you]);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  const parts = [];
  const count = state.viewers?.length ?? 1;
  if (count > 1) parts.push(make("span", `${count} here, ${mine ? "you perform" : "you watch"}`));
  if (!mine) {
    const asked = state.asking?.includes(you);
    const button = make("button", asked ? "Asked: cancel" : "Ask to perform", { type: "button" });
    button.id = "want";
    button.addEventListener("click", () => control(!asked));
    parts.push(button);
  } else {
    for (const other of state.asking ?? []) {
      const yes = make("button", `Hand over to viewer ${other}`, { type: "button", class: "main" });
      yes.dataset.give = other;
      yes.addEventListener("click", () => control(false, other));
      parts.push(yes);
    }
    if (state.asking?.length) {
      const no = make("button", "Keep", { type: "button" });
      no.addEventListener("click", () => control(true));
      parts.push(no);
    }
  }
  box.replaceChildren(...parts);
}

export function showKept(files, fetchFile) {
  const list = $("kept");
  const text = JSON.stringify(files);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...[...files].reverse().map(([number, name]) => {
    const button = make("button", `Download ${name}`, { type: "button" });
    button.addEventListener("click", () => fetchFile(number, name));
    const item = make("li");
    item.append(button);
    return item;
  }));
}

// The cues: a click recalls one, or does what the toggle beside them says.
export function showCues(cues, press) {
  const box = $("cues");
  const text = JSON.stringify(cues ?? []);
  box.hidden = !cues?.length;
  if (box.hidden || box.dataset.text === text) return;
  box.dataset.text = text;
  const toggles = [["glide_cue", "Glide"], ["drop_cue", "Drop"]].map(([name, label]) => {
    const button = make("button", label, { type: "button" });
    button.dataset.click = name;
    button.addEventListener("click", () => choose(box.dataset.click === name ? "cue" : name));
    return button;
  });
  const choose = (name) => {
    box.dataset.click = name;
    for (const one of toggles) one.setAttribute("aria-pressed", String(one.dataset.click === name));
  };
  choose(box.dataset.click ?? "cue");
  box.replaceChildren(make("span", "Cues"), ...cues.map(([words], index) => {
    const button = make("button", String(index + 1), { type: "button", title: words });
    button.prepend(make("canvas", "", { hidden: true }));
    button.setAttribute("aria-label", `cue ${index + 1}: ${words}`);
    button.addEventListener("click", (event) => {
      const drops = event.ctrlKey || event.metaKey;
      const name = event.shiftKey ? "glide_cue" : drops ? "drop_cue" : box.dataset.click;
      press(name, index + 1);
      if (name === "drop_cue") choose("cue"); // of one alone, as it cannot be had again
    });
    return button;
  }), ...toggles);
}
