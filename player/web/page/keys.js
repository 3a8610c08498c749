// Keys by the names that the table of actions uses.

const NAMES = {
  ArrowLeft: "Left", ArrowRight: "Right", ArrowUp: "Up", ArrowDown: "Down", " ": "Space",
};

export function nameOf(event) {
  if (NAMES[event.key]) return NAMES[event.key];
  if (event.key.length !== 1) return event.key;
  const code = event.code;
  // letters of other alphabets count by where they are
  if (event.key.charCodeAt(0) > 127 && /^Key[A-Z]$/.test(code)) return code[3].toLowerCase();
  return event.key.toLowerCase();
}

// What a key does; Shift counts only where some key asks for it.
export function find(actions, name, { shift, ctrl }) {
  let best = null;
  for (const action of actions) {
    for (const key of action.keys) {
      if (key.name !== name || key.ctrl !== ctrl || (key.shift && !shift)) continue;
      if (!best || (key.shift && !best.key.shift)) best = { action, key };
    }
  }
  return best;
}

// Whether a key belongs to the element that has the focus and not to the player.
export function isTyping(event) {
  const target = event.target;
  if (target.closest?.("dialog")) return event.key !== "Escape" && event.key !== "F1";
  if (target.matches?.("input, textarea, select")) return true;
  return target.matches?.("button, summary, a, li") && (event.key === " " || event.key === "Enter");
}
