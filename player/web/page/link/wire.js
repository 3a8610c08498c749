// The wire: one WebSocket, found again when it was lost. docs/protocol.md says what goes over it.

const AGAIN_MS = [250, 500, 1000, 2000, 4000];
const ANSWER_MS = 20_000; // without a message while the server owes an answer; a dead tunnel ends nothing
const OPEN_MS = 15_000; // for its welcome: newcomers may have to wait for their turn
const WATCH_MS = 1000;
const ELSEWHERE = 4409; // another page came with this one's name: this tab was duplicated

export class Wire {
  // `heard(message)` gets objects, `pictured(header, blob)` pictures, `lost(reason, final)` an end.
  constructor({ heard, pictured, lost }) {
    this.heard = heard;
    this.pictured = pictured;
    this.lost = lost;
    this.n = 0;
    this.seq = 0; // of the last message heard, on any connection
    this.attempts = 0;
    this.due = 0; // when the server must have answered, 0 where it owes nothing
    this.received = 0;
    const query = new URLSearchParams(location.search);
    this.token = query.get("token") ?? "";
    this.lossless = query.get("lossless") === "1";
    let client = null;
    try {
      client = sessionStorage.getItem("client");
    } catch { /* a page without storage is another client each time */ }
    this.become(client ?? fresh());
    this.open();
    setInterval(() => this.watch(), WATCH_MS);
  }

  // Come as a client by this name from now on.
  become(client) {
    this.client = client;
    try {
      sessionStorage.setItem("client", client);
    } catch { /* as above */ }
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = `client=${this.client}&seq=${this.seq}${this.lossless ? "&lossless=1" : ""}`;
    const offered = ["wordmorph.1", `token.${this.token}`];
    const socket = new WebSocket(`${scheme}://${location.host}/wire?${query}`, offered);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.due = performance.now() + OPEN_MS;
    let opened = false;
    socket.onopen = () => { opened = true; };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.read(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.over(event.code, event.reason, opened);
    };
  }

  over(code, reason, opened) {
    this.socket = null;
    this.due = 0;
    if (code === ELSEWHERE) {
      this.lost("this page is open elsewhere: a key or a click opens it here too", true);
      this.wakeable();
      return;
    }
    this.lost(reason || "the server does not answer", false);
    const wait = AGAIN_MS[Math.min(this.attempts++, AGAIN_MS.length - 1)];
    setTimeout(() => this.again(opened), wait);
  }

  // Come again as another client once somebody is at this page.
  wakeable() {
    const over = new AbortController();
    for (const kind of ["keydown", "pointerdown"]) {
      addEventListener(kind, () => {
        over.abort();
        this.become(fresh());
        this.open();
      }, { signal: over.signal });
    }
  }

  // A browser does not say why it was not let in; the page's own address does.
  async again(opened) {
    if (!opened && await status(location.href) === 403) {
      this.lost("the server has another token now: open the address that it printed", true);
    } else this.open();
  }

  // Give up a link over which no answer comes, and find another.
  watch() {
    if (!this.due || performance.now() < this.due) return;
    const { socket } = this;
    this.over(0, "", true);
    socket.close();
  }

  // Hear up to which number the server acted on what it was told.
  answered(n) {
    this.due = n < this.n ? performance.now() + ANSWER_MS : 0;
  }

  get connected() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  // Sends a message; returns its number, 0 if there is nobody to send it to.
  say(message) {
    if (!this.connected) return 0;
    this.due ||= performance.now() + ANSWER_MS;
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
    // the answer may lie behind a picture that takes long
    if (this.due) this.due = performance.now() + ANSWER_MS;
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.seq = message.seq;
      this.ack(message.seq);
      if (message.say === "welcome") this.attempts = this.due = 0;
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

// The status that an address answers with, 0 where nobody does.
async function status(address) {
  try {
    return (await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(OPEN_MS) })).status;
  } catch {
    return 0;
  }
}

function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
