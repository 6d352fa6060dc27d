// Looks at what the service holds of the visitor, and at what the local Clerk has sent: often while things happen.

const BUSY_MS = 250;
const CALM_MS = 2000;
const BUSY_FOR_MS = 4000;

const NOTHING = { row: null, events: [], messages: [] };

export class Watch extends EventTarget {
  #clerk;

  #panelUrl;

  #localClerk;

  #timer = null;

  #busyUntil = 0;

  #looking = false;

  #lookedAt = null;

  #decisions = Promise.resolve();

  #begun = 0;

  #ended = 0;

  seen = null; // the last look, null before the first

  fate = 'arrive';

  constructor({ clerk, panelUrl, localClerk }) {
    super();
    this.#clerk = clerk;
    this.#panelUrl = panelUrl;
    this.#localClerk = localClerk;
    document.addEventListener('visibilitychange', () => this.hurry());
  }

  /** Begin with nothing seen: what is there at the first look is news. */
  startAfresh() {
    this.seen = NOTHING;
    this.hurry();
  }

  /** Look now, and often for a while. */
  hurry() {
    this.#busyUntil = Date.now() + BUSY_FOR_MS;
    this.#plan(0);
  }

  /** Let the next webhook arrive, get lost (`drop`) or be late (`delay`). */
  decide(fate) {
    this.#begun += 1;
    this.fate = fate;
    const isOver = () => {
      this.#ended += 1;
      this.hurry();
    };
    const decision = this.#decisions.then(() => this.#tell(fate)).finally(isOver);
    this.#decisions = decision.catch(() => {}); // the next one waits for this one, and is tried if it fails
    return decision;
  }

  async #tell(fate) {
    await this.#atLocalClerk('DELETE', 'mishaps');
    const mishap = { kind: fate, event_type: 'user.*', delay_s: fate === 'delay' ? 3 : 0 };
    if (fate !== 'arrive') await this.#atLocalClerk('POST', 'mishaps', mishap);
  }

  #plan(delayMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), delayMs);
  }

  async #look() {
    // A page that nobody sees asks nothing; a visitor without a token has nothing to see.
    if (this.#looking || document.hidden || this.#clerk.secondsLeft() <= 0) return;
    this.#looking = true;
    const { id } = this.#clerk.user;
    try {
      const after = { ...(await this.#readPanel()), messages: await this.#readMessages() };
      const [ended, fate] = [this.#ended, await this.#readFate()];
      // What was read while a decision was under way may be older than it.
      if (this.#begun === ended) this.fate = fate;
      this.#settle(id, after);
    } catch (error) {
      this.dispatchEvent(new CustomEvent('blind', { detail: error.message }));
    } finally {
      this.#looking = false;
      this.#plan(Date.now() < this.#busyUntil ? BUSY_MS : CALM_MS);
    }
  }

  #settle(id, after) {
    if (id !== this.#clerk.user.id) return; // somebody else signed in meanwhile
    const before = this.#lookedAt === id || this.seen === NOTHING ? this.seen : null;
    this.seen = after;
    this.#lookedAt = id;
    this.dispatchEvent(new CustomEvent('look', { detail: { before, after } }));
  }

  async #readPanel() {
    const answer = await fetch(this.#panelUrl, { headers: { Authorization: `Bearer ${this.#clerk.token.jwt}` } });
    if (!answer.ok) throw new Error(`This panel was answered ${answer.status}.`);
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
    // Sent as plain text: so a browser asks no leave beforehand.
    const answer = await fetch(`${this.#localClerk}/_local/${path}`, { method, body: json && JSON.stringify(json) });
    if (!answer.ok) throw new Error(`The local Clerk answered ${answer.status}.`);
    return answer.json();
  }
}
