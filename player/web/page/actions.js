// What an action of the table does on this page: some it does itself, the rest it tells.

const $ = (id) => document.getElementById(id);

export class Actions {
  constructor(session, zoom, said) {
    this.session = session;
    this.zoom = zoom;
    this.said = said;
    this.table = [];
    this.overlays = { tokens: false, storms: true, clean: false, stats: false };
  }

  named(name) {
    return this.table.find((action) => action.name === name);
  }

  press(action, value, event) {
    if (action.page) this.here(action.name);
    else this.session.perform(action, value, event?.timeStamp ?? performance.now());
  }

  here(name) {
    if (name === "help") {
      if ($("help").open) $("help").close();
      else $("help").showModal();
    } else if (name === "fullscreen") {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen?.();
    } else if (name === "write" || name === "type_seed") {
      const input = $(name === "write" ? "expression" : "seed");
      input.focus();
      input.select();
    } else if (name === "zoom") this.zoom.next();
    else if (name === "back") this.back();
    else if (name === "hand_over") this.handOver();
    else if (name in this.overlays) this.overlays[name] = !this.overlays[name];
    else this.said("only in the window");
    this.session.on.changed();
  }

  handOver() {
    const { session } = this;
    if (session.performs && session.state.asking?.length) session.control(false);
    else this.said(session.performs ? "nobody asks to perform" : "watching: only the performer hands over");
  }

  // Close what lies on the picture, the nearest first.
  back() {
    const { overlays, session } = this;
    if ($("help").open) $("help").close();
    else if (overlays.stats) overlays.stats = false;
    else if (session.state.difference && session.performs) {
      session.perform(this.named("difference"), null);
    } else if (document.fullscreenElement) document.exitFullscreen();
    else if (this.zoom.times > 1) this.zoom.reset();
    else overlays.clean = false;
  }
}

// Put text on the clipboard; tell whether that went well. The newer way is for secure contexts.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
