// The user's session at Clerk's frontend API: the parts of clerk-js that this shop needs.
// Requests are form bodies, as clerk-js sends them, so that the browser sends no preflight.

const RENEW_BEFORE_S = 15;
const RETRY_AFTER_S = 3;

/** Return the frontend API of a publishable key; throw if the key is malformed. */
export function frontendApiOf(publishableKey) {
  const [kind, mode, encoded, ...rest] = publishableKey.split('_');
  const host = kind === 'pk' && ['test', 'live'].includes(mode) && encoded && !rest.length ? atob(encoded) : '';
  if (!/^[^$]+\.[^$]+\$$/.test(host)) throw new Error('CLERK_PUBLISHABLE_KEY names no frontend API.');
  return `https://${host.slice(0, -1)}`;
}

/** Return the claims of a token without verifying it. The service verifies it. */
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

  // Both are kept after the session, so that the panel can show the row once more.
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

  /** Add an address and make it the primary one: two changes, so two webhooks. */
  async moveTo(address) {
    const added = await this.#call('POST', '/v1/me/email_addresses', { email_address: address });
    await this.rename({ primary_email_address_id: added.response.id });
  }

  async deleteAccount() {
    await this.#call('POST', '/v1/me?_method=DELETE');
    this.#drop();
  }

  /** Return a valid token. Parallel calls share one renewal. */
  async getToken() {
    if (!this.session) return null;
    if (this.secondsLeft() < RENEW_BEFORE_S) await this.renew();
    return this.token?.jwt ?? null;
  }

  /** Return the seconds until the token expires. */
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

  // Renewed early, because the browser also sends the cookie with requests that no script sends.
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
