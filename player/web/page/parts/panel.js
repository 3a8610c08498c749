// Buttons, readouts, tokens and help: all made from what the server says there is.

const $ = (id) => document.getElementById(id);
const FIRST = {
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

function makeButton(label, attributes, clicked) {
  const button = make("button", label, { type: "button", ...attributes });
  button.addEventListener("click", clicked);
  return button;
}

// Whether what an element is made from is another than the last time.
function isNew(element, value) {
  const text = JSON.stringify(value);
  if (element.dataset.text === text) return false;
  element.dataset.text = text;
  return true;
}

// Buttons for the table of actions; `press(action, value)` does one, `hold(key, down)` an arrow.
export function makeButtons(actions, { press, hold }) {
  const arrow = (name) => {
    const words = { Left: "back", Right: "on", Up: "up", Down: "down" }[name];
    const attributes = { "aria-label": `move ${words}`, "data-arrow": name };
    const button = makeButton(ARROWS[name], attributes, (event) => {
      if (event.detail) return; // a pointer was heard already; this is Enter or Space
      hold(name, true, event);
      hold(name, false, event);
    });
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      hold(name, true, event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      button.addEventListener(end, (event) => hold(name, false, event));
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    return button;
  };
  const plain = (action, label, value) => makeButton(
    label, { title: action.meaning, "data-action": action.name },
    (event) => press(action, value, event));
  const named = new Map(actions.map((action) => [action.name, action]));
  const first = Object.entries(FIRST).filter(([name]) => named.has(name)).map(([name, label]) =>
    plain(named.get(name), label, null));
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
  if (!isNew(list, rows)) return;
  list.replaceChildren(...rows.flatMap(([what, value]) => [make("dt", what), make("dd", value)]));
}

export function showTokens(prompts) {
  const box = $("tokens");
  if (!isNew(box, prompts)) return;
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
  if (!isNew(box, [state.performer, state.asking, state.viewers, you])) return;
  const parts = [];
  const count = state.viewers?.length ?? 1;
  if (count > 1) parts.push(make("span", `${count} here, ${mine ? "you perform" : "you watch"}`));
  if (!mine) {
    const asked = state.asking?.includes(you);
    const label = asked ? "Asked: cancel" : "Ask to perform";
    parts.push(makeButton(label, { id: "want" }, () => control(!asked)));
  } else {
    for (const other of state.asking ?? []) {
      const attributes = { class: "main", "data-give": other };
      const give = () => control(false, other);
      parts.push(makeButton(`Hand over to viewer ${other}`, attributes, give));
    }
    if (state.asking?.length) parts.push(makeButton("Keep", {}, () => control(true)));
  }
  box.replaceChildren(...parts);
}

export function showKept(files, fetchFile) {
  const list = $("kept");
  if (!isNew(list, files)) return;
  list.replaceChildren(...[...files].reverse().map(([number, name]) => {
    const item = make("li");
    item.append(makeButton(`Download ${name}`, {}, () => fetchFile(number, name)));
    return item;
  }));
}

// The cues: a click recalls one, or does what the toggle beside them says.
export function showCues(cues, press) {
  const box = $("cues");
  box.hidden = !cues?.length;
  if (box.hidden || !isNew(box, cues)) return;
  const toggles = [["glide_cue", "Glide"], ["drop_cue", "Drop"]].map(([name, label]) => makeButton(
    label, { "data-click": name }, () => choose(box.dataset.click === name ? "cue" : name)));
  const choose = (name) => {
    box.dataset.click = name;
    for (const one of toggles) one.setAttribute("aria-pressed", String(one.dataset.click === name));
  };
  choose(box.dataset.click ?? "cue");
  box.replaceChildren(make("span", "Cues"), ...cues.map(([words], index) => {
    const attributes = { title: words, "aria-label": `cue ${index + 1}: ${words}` };
    const button = makeButton(String(index + 1), attributes, (event) => {
      const drops = event.ctrlKey || event.metaKey;
      const name = event.shiftKey ? "glide_cue" : drops ? "drop_cue" : box.dataset.click;
      press(name, index + 1);
      if (name === "drop_cue") choose("cue"); // of one alone, as it cannot be had again
    });
    button.prepend(make("canvas", "", { hidden: true }));
    return button;
  }), ...toggles);
}
