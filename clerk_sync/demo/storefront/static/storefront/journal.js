// The requests and the messages of this page, for the panel.

export class Journal extends EventTarget {
  requests = []; // newest first

  /** Send a request and record method, path, status, duration and how it was authenticated. */
  async send(url, options, { as, to }) {
    const method = options.method || 'GET';
    const startedAt = performance.now();
    const entry = { method, to, as, path: new URL(url, document.baseURI).pathname, status: null };
    try {
      const answer = await fetch(url, options);
      entry.status = answer.status;
      return answer;
    } finally {
      entry.ms = performance.now() - startedAt;
      this.requests = [entry, ...this.requests].slice(0, 40);
      this.dispatchEvent(new Event('request'));
    }
  }

  /** Publish a message; `step` marks a step of the tour as done. */
  publish({ text, tone = 'plain', step = null }) {
    this.dispatchEvent(new CustomEvent('message', { detail: { text, tone, step } }));
  }
}
