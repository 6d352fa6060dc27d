// Polls the service for the user's row and the local Clerk for the webhooks it sent, more often after an action.

const BUSY_MS = 250;
const IDLE_MS = 2000;
const BUSY_FOR_MS = 4000;

const EMPTY = { row: null, events: [], messages: [] };

export class Poller extends EventTarget {
  #clerk;

  #panelUrl;

  #localClerk;

  #timer = null;

  #busyUntil = 0;

  #isPolling = false;

  #userId = null;

  #decisions = Promise.resolve();

  #started = 0;

  #ended = 0;

  state = null; // the last result, null before the first

  fate = 'arrive';

  constructor({ clerk, panelUrl, localClerk }) {
    super();
    this.#clerk = clerk;
    this.#panelUrl = panelUrl;
    this.#localClerk = localClerk;
    document.addEventListener('visibilitychange', () => this.hurry());
  }

  /** Start with an empty state, so that everything in the first result is reported. */
  reset() {
    this.state = EMPTY;
    this.hurry();
  }

  /** Poll now, and often for a while. */
  hurry() {
    this.#busyUntil = Date.now() + BUSY_FOR_MS;
    this.#plan(0);
  }

  /** Let the next webhook arrive, get lost (`drop`) or be late (`delay`). */
  decide(fate) {
    this.#started += 1;
    this.fate = fate;
    const onEnd = () => {
      this.#ended += 1;
      this.hurry();
    };
    const decision = this.#decisions.then(() => this.#setFault(fate)).finally(onEnd);
    this.#decisions = decision.catch(() => {}); // the next decision waits for this one, even if it fails
    return decision;
  }

  async #setFault(fate) {
    await this.#atLocalClerk('DELETE', 'mishaps');
    const mishap = { kind: fate, event_type: 'user.*', delay_s: fate === 'delay' ? 3 : 0 };
    if (fate !== 'arrive') await this.#atLocalClerk('POST', 'mishaps', mishap);
  }

  #plan(delayMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), delayMs);
  }

  async #poll() {
    // A hidden page does not poll, and neither does a page without a valid token.
    if (this.#isPolling || document.hidden || this.#clerk.secondsLeft() <= 0) return;
    this.#isPolling = true;
    const { id } = this.#clerk.user;
    try {
      const after = { ...(await this.#readPanel()), messages: await this.#readMessages() };
      const [ended, fate] = [this.#ended, await this.#readFate()];
      // A result that was read during a decision may be older than the decision.
      if (this.#started === ended) this.fate = fate;
      this.#settle(id, after);
    } catch (error) {
      this.dispatchEvent(new CustomEvent('failure', { detail: error.message }));
    } finally {
      this.#isPolling = false;
      this.#plan(Date.now() < this.#busyUntil ? BUSY_MS : IDLE_MS);
    }
  }

  #settle(id, after) {
    if (id !== this.#clerk.user.id) return; // another user signed in meanwhile
    const before = this.#userId === id || this.state === EMPTY ? this.state : null;
    this.state = after;
    this.#userId = id;
    this.dispatchEvent(new CustomEvent('update', { detail: { before, after } }));
  }

  async #readPanel() {
    const answer = await fetch(this.#panelUrl, { headers: { Authorization: `Bearer ${this.#clerk.token.jwt}` } });
    if (!answer.ok) throw new Error(`The service answered ${answer.status} for this panel.`);
    return answer.json();
  }

  async #readMessages() {
    const { id, created_at: sinceMs } = this.#clerk.user;
    const messages = await this.#atLocalClerk('GET', `messages?since_ms=${sinceMs}`);
    return messages.filter(({ body }) => body.data?.id === id);
  }

  async #readFate() {
    const inForce = await this.#atLocalClerk('GET', 'faults');
    const isWaiting = ({ kind, struck, times }) => ['drop', 'delay'].includes(kind) && struck < (times ?? Infinity);
    return inForce.find(isWaiting)?.kind ?? 'arrive';
  }

  async #atLocalClerk(method, path, json) {
    // Sent as plain text, so that the browser sends no preflight.
    const answer = await fetch(`${this.#localClerk}/_local/${path}`, { method, body: json && JSON.stringify(json) });
    if (!answer.ok) throw new Error(`The local Clerk answered ${answer.status}.`);
    return answer.json();
  }
}
