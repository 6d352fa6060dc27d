// The panel beside the shop: it shows the requests of this page, the webhooks, the row and whether the row lags.

import { duration, element, prose } from './dom.js';
import { statusOf } from './story.js';

const TOUR = [
  ['signed-up', 'Sign up'], ['ordered', 'Buy something'], ['changed', 'Change your name'],
  ['lost', 'Lose a webhook'], ['repaired', 'Repair it'], ['deleted', 'Delete your account'],
];
const TOUR_KEY = 'storefront.tour';

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const byId = (id) => document.getElementById(id);

export class LagPanel {
  #done = new Set(JSON.parse(sessionStorage.getItem(TOUR_KEY) ?? '[]'));

  #row = {};

  #renewals = 0;

  constructor({ journal, poller, clerk }) {
    journal.addEventListener('message', ({ detail }) => this.#showMessage(detail));
    journal.addEventListener('request', () => this.#showRequests(journal.requests));
    poller.addEventListener('update', ({ detail }) => this.#show(detail.after, poller.fate));
    poller.addEventListener('failure', ({ detail }) => this.#showStatus({ text: detail, tone: 'bad' }));
    clerk.addEventListener('renewed', () => { this.#renewals += 1; });
    setInterval(() => this.#showSession(clerk), 1000);
    clerk.addEventListener('change', () => this.#showSession(clerk));
    byId('ticker').addEventListener('click', () => byId('panel').scrollIntoView());
    // On a phone the panel is below the shop. While it is not visible, a line at the edge shows the last message.
    const hide = ([{ isIntersecting }]) => { byId('ticker').hidden = isIntersecting; };
    new IntersectionObserver(hide).observe(byId('panel'));
    this.#showTour();
  }

  #showMessage({ text, tone, step }) {
    const [story, plain] = [byId('story'), text.replaceAll('`', '')];
    story.querySelector('.first')?.remove();
    const line = element('li', { class: `tone-${tone}` }, prose(text));
    if (story.firstChild?.textContent !== plain) story.prepend(line);
    [...story.children].slice(8).forEach((old) => old.remove());
    byId('ticker').textContent = plain;
    if (!step) return;
    this.#done.add(step);
    sessionStorage.setItem(TOUR_KEY, JSON.stringify([...this.#done]));
    this.#showTour();
  }

  #showTour() {
    const next = TOUR.find(([step]) => !this.#done.has(step))?.[0];
    byId('tour').replaceChildren(...TOUR.map(([step, title]) => {
      const state = this.#done.has(step) ? 'done' : step === next && 'next';
      const spoken = state && element('span', { class: 'visually-hidden' }, state === 'done' ? ' (done)' : ' (next)');
      return element('li', { class: state }, title, spoken || null);
    }));
  }

  #show(seen, fate) {
    this.#showStatus(statusOf(seen));
    this.#showRow(seen.row, seen.owns);
    this.#showWebhooks(seen.messages, seen.events);
    document.querySelector(`#fate input[value="${fate}"]`).checked = true;
  }

  #showStatus({ text, tone }) {
    const status = byId('status');
    status.hidden = false;
    status.className = `status tone-${tone}`;
    if (status.textContent !== text) status.textContent = text;
    byId('repair').classList.toggle('wanted', text === 'behind Clerk');
  }

  #showRow(row, owns) {
    if (!row) return;
    const values = {
      version: row.version === 0 ? '0: no data from Clerk yet' : String(row.version),
      deleted_at: row.deleted_at && new Date(row.deleted_at).toISOString().slice(0, 19).replace('T', ' '),
      email: row.email,
      name: [row.first_name, row.last_name].filter(Boolean).join(' ') || null,
      role: row.role,
      owns: describe(owns),
    };
    // Drawn only if it changed: otherwise the highlight would restart every two seconds.
    if (JSON.stringify(values) === JSON.stringify(this.#row)) return;
    byId('row').replaceChildren(...Object.entries(values).map(([name, value]) => {
      const isChanged = name in this.#row && this.#row[name] !== value;
      const dd = element('dd', { class: value === null && 'null' }, value ?? 'null');
      return element('div', { class: isChanged ? `${name} changed` : name }, element('dt', {}, name), dd);
    }));
    this.#row = values;
  }

  #showWebhooks(messages, events) {
    const received = new Map(events.map((event) => [event.svix_id, event]));
    const sent = messages.map((message) => webhookLine(message, received.get(message.svix_id))).reverse();
    const older = events.filter(({ svix_id: id }) => !messages.some((message) => message.svix_id === id));
    const lines = [...sent, ...older.map((event) => webhookLine(null, event))];
    if (lines.length) byId('webhooks').replaceChildren(...lines.slice(0, 12));
  }

  #showRequests(requests) {
    byId('requests').replaceChildren(...requests.slice(0, 14).map(requestLine));
  }

  #showSession(clerk) {
    const left = Math.max(0, Math.round(clerk.secondsLeft()));
    const renewed = this.#renewals ? `, renewed ${this.#renewals} ×` : '';
    byId('session').textContent = clerk.session
      ? `Token valid for ${left} s${renewed}. The service verifies it in memory, without a request to Clerk.`
      : 'No session.';
  }
}

function describe({ addresses, cart_items: items, orders }) {
  const parts = [count(addresses, 'address', 'addresses'), `${items} in the cart`, count(orders, 'order', 'orders')];
  return parts.join(', ');
}

function requestLine({ method, path, to, status, ms, as }) {
  return element('tr', {},
    element('td', {},
      element('b', { class: 'method' }, method), ' ', element('span', { class: `path to-${to}` }, path)),
    element('td', { class: status && status < 400 ? 'good' : 'bad' }, status ?? 'none'),
    element('td', { class: 'number' }, Math.max(1, Math.round(ms))),
    element('td', {}, as));
}

function webhookLine(message, event) {
  const { text, tone } = fateOf(message, event);
  return element('tr', {},
    element('td', {}, message?.type ?? event.type ?? 'no type'),
    element('td', { class: tone }, text, event?.deliveries > 1 ? ` ×${event.deliveries}` : ''),
    element('td', { class: 'number' }, event?.lag_ms != null ? duration(event.lag_ms) : '–'));
}

function fateOf(message, event) {
  if (event) return { text: event.outcome, tone: event.outcome === 'parked' ? 'bad' : 'good' };
  if (message.state === 'missing') return { text: 'lost', tone: 'bad' };
  return { text: message.state === 'waiting' ? 'in transit' : message.state, tone: 'waiting' };
}
