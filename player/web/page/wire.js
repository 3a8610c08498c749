// The wire: one WebSocket, found again when it was lost. docs/protocol.md says what goes over it.

const AGAIN_MS = [250, 500, 1000, 2000, 4000];
const FINAL = new Map([
  [4409, "this page is open elsewhere"],
]);

export class Wire {
  // `heard(message)` gets objects, `pictured(header, blob)` pictures, `lost(reason, final)` an end.
  constructor({ heard, pictured, lost }) {
    this.heard = heard;
    this.pictured = pictured;
    this.lost = lost;
    this.n = 0;
    this.seq = 0; // of the last message heard, on any connection
    this.attempts = 0;
    this.received = 0;
    const query = new URLSearchParams(location.search);
    this.token = query.get("token") ?? "";
    this.lossless = query.get("lossless") === "1";
    let client = null;
    try {
      client = sessionStorage.getItem("client");
    } catch { /* a page without storage is another client each time */ }
    this.client = client ?? fresh();
    try {
      sessionStorage.setItem("client", this.client);
    } catch { /* as above */ }
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = `client=${this.client}&seq=${this.seq}${this.lossless ? "&lossless=1" : ""}`;
    const offered = ["wordmorph.1", `token.${this.token}`];
    const socket = new WebSocket(`${scheme}://${location.host}/wire?${query}`, offered);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = (event) => this.read(event.data);
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      const final = FINAL.get(event.code);
      this.lost(final ?? (event.reason || "the server does not answer"), Boolean(final));
      if (final) return;
      const wait = AGAIN_MS[Math.min(this.attempts++, AGAIN_MS.length - 1)];
      setTimeout(() => this.open(), wait);
    };
  }

  get connected() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  // Sends a message; returns its number, 0 if there is nobody to send it to.
  say(message) {
    if (!this.connected) return 0;
    this.socket.send(JSON.stringify({ ...message, n: ++this.n }));
    return this.n;
  }

  ack(seq) {
    this.plain({ do: "ack", seq });
  }

  plain(message) {
    if (this.connected) this.socket.send(JSON.stringify(message));
  }

  read(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.seq = message.seq;
      this.ack(message.seq);
      if (message.say === "welcome") this.attempts = 0;
      this.heard(message);
      return;
    }
    this.received += data.byteLength;
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    this.seq = header.seq;
    const blob = new Blob([new Uint8Array(data, 4 + length)], { type: header.type });
    this.pictured(header, blob);
  }
}

function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
