// The visitor's session at Clerk's frontend API: what clerk-js does for a front end, as far as a shop needs it.
// Forms go out as form bodies, as clerk-js sends them, so that the browser asks no leave beforehand.

const RENEW_BEFORE_S = 15;
const RETRY_AFTER_S = 3;

/** Return the frontend API that a publishable key names; throw what is wrong with the key. */
export function frontendApiOf(publishableKey) {
  const [kind, mode, encoded, ...rest] = publishableKey.split('_');
  const host = kind === 'pk' && ['test', 'live'].includes(mode) && encoded && !rest.length ? atob(encoded) : '';
  if (!/^[^$]+\.[^$]+\$$/.test(host)) throw new Error('CLERK_PUBLISHABLE_KEY names no frontend API.');
  return `https://${host.slice(0, -1)}`;
}

/** Read what a token says, without proving anything: that is the service's business. */
export function claimsOf(jwt) {
  const part = jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0))));
}

export class ClerkProblem extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export class Clerk extends EventTarget {
  #frontendApi;

  #journal;

  #renewing = null;

  #timer = null;

  session = null; // { id, user }

  // Both are kept when the session is over, for the panel's last look at the row.
  user = null;

  token = null; // { jwt, endsAt }

  constructor(frontendApi, journal) {
    super();
    this.#frontendApi = frontendApi;
    this.#journal = journal;
  }

  /** Find out whether this browser is signed in. */
  async load() {
    const { response } = await this.#call('GET', '/v1/client');
    this.#hold(response);
  }

  async signUp(fields) {
    this.#hold((await this.#call('POST', '/v1/client/sign_ups', fields)).client);
  }

  async signIn(identifier) {
    this.#hold((await this.#call('POST', '/v1/client/sign_ins', { identifier })).client);
  }

  async signOut() {
    await this.#call('POST', `/v1/client/sessions/${this.session.id}/end`);
    this.#drop();
  }

  async rename(fields) {
    this.#hold((await this.#call('POST', '/v1/me?_method=PATCH', fields)).client);
  }

  /** Add an address and make it the primary one: two changes, and so two webhooks. */
  async moveTo(address) {
    const added = await this.#call('POST', '/v1/me/email_addresses', { email_address: address });
    await this.rename({ primary_email_address_id: added.response.id });
  }

  async deleteAccount() {
    await this.#call('POST', '/v1/me?_method=DELETE');
    this.#drop();
  }

  /** Return a token that is good for a while yet; a new one is fetched once, however many ask. */
  async getToken() {
    if (!this.session) return null;
    if (this.secondsLeft() < RENEW_BEFORE_S) await this.renew();
    return this.token?.jwt ?? null;
  }

  /** Return for how long the token is good. */
  secondsLeft() {
    return this.token ? (this.token.endsAt - Date.now()) / 1000 : 0;
  }

  renew() {
    this.#renewing ??= this.#fetchToken().finally(() => { this.#renewing = null; });
    return this.#renewing;
  }

  async #fetchToken() {
    try {
      const { jwt } = await this.#call('POST', `/v1/client/sessions/${this.session.id}/tokens`);
      this.#keep(jwt);
      this.dispatchEvent(new Event('renewed'));
    } catch (error) {
      if (error.code === 'unreachable' && this.secondsLeft() > 1) {
        this.#plan(RETRY_AFTER_S);
        this.dispatchEvent(new Event('postponed'));
        return;
      }
      if (error.code !== 'unreachable') this.#drop();
      throw error;
    }
  }

  #hold(client) {
    const session = client?.sessions.find(({ id }) => id === client.last_active_session_id);
    if (!session) return this.#drop();
    this.user = session.user;
    this.session = { id: session.id, user: session.user };
    this.#keep(session.last_active_token.jwt);
    return this.dispatchEvent(new Event('change'));
  }

  #keep(jwt) {
    const { exp, iat } = claimsOf(jwt);
    this.token = { jwt, endsAt: Date.now() + (exp - iat) * 1000 };
    this.#plan(exp - iat - RENEW_BEFORE_S);
  }

  // Ahead of time, because a cookie must be fresh for requests that no script of ours sends.
  #plan(delayS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.renew().catch(() => {}), delayS * 1000);
  }

  #drop() {
    clearTimeout(this.#timer);
    this.session = null;
    this.dispatchEvent(new Event('change'));
  }

  async #call(method, path, fields) {
    const body = fields && new URLSearchParams(fields);
    const options = { method, body, credentials: 'include' };
    let answer;
    try {
      answer = await this.#journal.send(this.#frontendApi + path, options, { to: 'Clerk', as: 'Clerk’s cookie' });
    } catch {
      throw new ClerkProblem(`Clerk cannot be reached at ${this.#frontendApi}.`, 'unreachable');
    }
    const found = await answer.json().catch(() => ({}));
    if (answer.ok) return found;
    const [error] = found.errors ?? [{ message: `Clerk answered ${answer.status}.` }];
    throw new ClerkProblem(error.long_message || error.message, error.code);
  }
}
