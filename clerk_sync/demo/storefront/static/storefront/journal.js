// What the page did and what came of it: requests and sentences, for whoever shows them.

export class Journal extends EventTarget {
  requests = []; // newest first

  /** Send a request and note it: method, path, status, time, and what it was authenticated with. */
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

  /** Say in one sentence what just happened; `step` ticks off a stop of the tour. */
  tell({ text, tone = 'plain', step = null }) {
    this.dispatchEvent(new CustomEvent('sentence', { detail: { text, tone, step } }));
  }
}
