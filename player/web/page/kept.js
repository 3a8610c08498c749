// Stills, films and takes of the session, downloaded.

export class Kept {
  constructor(session, said) {
    this.session = session;
    this.said = said;
    this.seen = null; // numbers of files, null until the first list
  }

  // Download what came since the last list, for who performs.
  notice() {
    const { session } = this;
    const files = session.state.kept ?? [];
    const known = this.seen;
    this.seen = new Set(files.map(([number]) => number));
    if (!known || !session.performs || !document.hasFocus()) return;
    for (const [number, name] of files) if (!known.has(number)) this.download(number, name);
  }

  async download(number, name) {
    const headers = { Authorization: `Bearer ${this.session.wire.token}` };
    const link = document.createElement("a");
    try {
      const answer = await fetch(`/kept/${number}`, { headers });
      if (!answer.ok) return this.said(`${name} is no longer at the server`, true);
      link.href = URL.createObjectURL(await answer.blob());
    } catch {
      return this.said(`${name} did not come: the server does not answer`, true);
    }
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
