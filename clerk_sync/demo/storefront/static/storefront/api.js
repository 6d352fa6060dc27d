// The service's API: with the cookie on the same origin, with the header on another origin.

export class ApiProblem extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Api {
  #base;

  #prefix;

  #clerk;

  #journal;

  constructor(base, prefix, clerk, journal) {
    this.#base = base;
    this.#prefix = prefix;
    this.#clerk = clerk;
    this.#journal = journal;
  }

  get isCrossOrigin() {
    return Boolean(this.#base) && this.#base !== window.location.origin;
  }

  get(path) {
    return this.call('GET', path);
  }

  /** Call the API and return the JSON of the response; throw an ApiProblem with a message for users. */
  async call(method, path, { json, headers = {} } = {}) {
    const token = await this.#clerk.getToken();
    const options = { method, headers: { ...headers } };
    if (json !== undefined) {
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(json);
    }
    // The service refuses cookies from another origin.
    if (this.isCrossOrigin) options.credentials = 'omit';
    if (this.isCrossOrigin && token) options.headers.Authorization = `Bearer ${token}`;
    const as = token ? (this.isCrossOrigin ? 'Bearer' : 'cookie') : 'no session';
    return this.#read(await this.#send(this.#base + this.#prefix + path, options, as));
  }

  async #send(url, options, as) {
    try {
      return await this.#journal.send(url, options, { to: 'API', as });
    } catch {
      throw new ApiProblem(
        `The API cannot be reached at ${this.#base || window.location.origin}: either it does not run, or it does not `
        + 'take pages of this origin.', null, 'unreachable');
    }
  }

  async #read(answer) {
    if (answer.status === 204) return null;
    const found = await answer.json().catch(() => ({}));
    if (answer.ok) return found;
    throw new ApiProblem(this.#explain(answer, found), answer.status, found.code);
  }

  #explain(answer, problem) {
    const reason = answer.headers.get('x-clerk-auth-reason');
    if (reason === 'token-invalid-authorized-parties') {
      return `The API refuses sessions of ${window.location.origin}: it is not in CLERK_AUTHORIZED_PARTIES.`;
    }
    if (answer.status === 401) return `The API refused the session: ${reason}.`;
    const later = answer.headers.get('Retry-After');
    return `${problem.detail ?? `The API answered ${answer.status}.`}${later ? ` Try again in ${later} s.` : ''}`;
  }
}
