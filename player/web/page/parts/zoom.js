// How closely the picture is looked at: Z goes closer, dragging looks round, a double click resets.

const TIMES = [1, 2, 4, 8];

export class Zoom {
  // `clicked(event)` hears clicks that were no drags.
  constructor(canvas, clicked) {
    this.canvas = canvas;
    this.times = 1;
    this.away = [0, 0]; // of the middle, as shares of the canvas
    this.from = null; // where a drag began
    canvas.addEventListener("pointerdown", (event) => {
      this.dragged = false;
      if (this.times === 1 || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.from = [event.clientX, event.clientY, ...this.away];
    });
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { this.from = null; });
    }
    canvas.addEventListener("click", (event) => {
      if (!this.dragged && event.detail < 2) clicked(event);
    });
    canvas.addEventListener("dblclick", () => this.reset());
  }

  next() {
    this.times = TIMES[(TIMES.indexOf(this.times) + 1) % TIMES.length];
    this.show();
  }

  reset() {
    this.times = 1;
    this.show();
  }

  drag(event) {
    if (!this.from) return;
    const [x, y, along, across] = this.from;
    const [dx, dy] = [event.clientX - x, event.clientY - y];
    if (Math.hypot(dx, dy) > 4) this.dragged = true;
    const { clientWidth, clientHeight } = this.canvas;
    this.away = [along + dx / clientWidth, across + dy / clientHeight];
    this.show();
  }

  show() {
    const most = (this.times - 1) / 2;
    this.away = this.away.map((share) => Math.min(Math.max(share, -most), most));
    const [x, y] = this.away.map((share) => `${(100 * share).toFixed(2)}%`);
    this.canvas.style.transform = this.times > 1 ? `translate(${x}, ${y}) scale(${this.times})` : "";
    this.canvas.classList.toggle("close", this.times > 1);
  }
}
