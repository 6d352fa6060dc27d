// The storefront: connects the parts and shows the views.

import { account, farewell, signIn, signUp } from './storefront/account.js';
import { Api } from './storefront/api.js';
import { Clerk, frontendApiOf } from './storefront/clerk.js';
import { alertBox, element } from './storefront/dom.js';
import { Journal } from './storefront/journal.js';
import { LagPanel } from './storefront/lag.js';
import { MESSAGES } from './storefront/messages.js';
import { Poller } from './storefront/poller.js';
import { cart, catalogue, orders } from './storefront/shop.js';
import { explain } from './storefront/story.js';

const VIEWS = { catalogue, cart, orders, account, 'sign-up': signUp, 'sign-in': signIn, farewell };
const WITH_SESSION = ['cart', 'orders', 'account'];
const LINKS = { in: ['catalogue', 'cart', 'orders', 'account'], out: ['catalogue', 'sign-in', 'sign-up'] };
const WORDS = { 'sign-in': 'sign in', 'sign-up': 'sign up' };

const shop = document.getElementById('shop');
const settings = document.body.dataset;
const journal = new Journal();
let draws = 0;
let inCart = 0;

function locate() {
  const named = frontendApiOf(settings.publishableKey);
  if (settings.proxyUrl) return settings.proxyUrl;
  throw new Error(
    `This page can sign in only at a local Clerk, and CLERK_API_URL does not name one. For ${named}, use clerk-js.`);
}

async function open() {
  const frontendApi = locate();
  const clerk = new Clerk(frontendApi, journal);
  const api = new Api(settings.api, settings.prefix, clerk, journal);
  const poller = new Poller({ clerk, panelUrl: settings.panel, localClerk: frontendApi });
  const context = {
    api, clerk, journal, poller, showError,
    go: (hash) => { window.location.hash = hash; },
    refresh: () => show(context),
    cart: { items: [] },
    setCart: (content) => {
      context.cart = content;
      inCart = content.items.reduce((sum, { quantity }) => sum + quantity, 0);
      drawNavigation(clerk);
    },
  };
  new LagPanel({ journal, poller, clerk });
  poller.addEventListener('update', ({ detail: { before, after } }) => {
    if (before) explain(before, after).forEach((each) => journal.publish(each));
    const isChanged = before && before.row?.version !== after.row?.version;
    // Not while the user types: the input would be lost.
    const isTyping = document.activeElement.matches('#shop input');
    if (isChanged && !isTyping && viewFor(clerk.session) === 'account') context.refresh();
  });
  clerk.addEventListener('change', () => drawNavigation(clerk));
  clerk.addEventListener('postponed', () => journal.publish(MESSAGES.postponed));
  journal.addEventListener('request', () => poller.hurry());
  window.addEventListener('hashchange', () => show(context, { moved: true }));
  installChoices(poller, api);
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault(); // the fragment says which view is shown
    shop.focus();
  });
  await clerk.load();
  if (clerk.session) context.setCart(await api.get('/api/cart'));
  await show(context);
}

function installChoices(poller, api) {
  const fate = document.getElementById('fate');
  fate.addEventListener('change', ({ target }) => poller.decide(target.value).catch((error) => showError(error.message)));
  const way = document.getElementById('way');
  const sibling = { '127.0.0.1': 'localhost', localhost: '127.0.0.1' }[window.location.hostname];
  way.querySelector(`[value="${api.isCrossOrigin ? 'bearer' : 'cookie'}"]`).checked = true;
  way.disabled = !sibling;
  way.addEventListener('change', ({ target }) => {
    const { protocol, port, pathname, hash } = window.location;
    const query = target.value === 'bearer' ? `?api=${protocol}//${sibling}${port && `:${port}`}` : '';
    window.location.assign(pathname + query + hash);
  });
}

async function show(context, { moved = false } = {}) {
  const { session } = context.clerk;
  const name = viewFor(session);
  if (!session && WITH_SESSION.includes(name)) {
    context.go('#/sign-in');
    return;
  }
  draws += 1;
  const own = draws;
  shop.setAttribute('aria-busy', 'true');
  const content = await draw(VIEWS[name], context);
  if (own !== draws) return; // a later view was opened meanwhile
  const key = document.activeElement?.dataset.key;
  shop.replaceChildren(...content.filter(Boolean));
  shop.removeAttribute('aria-busy');
  drawNavigation(context.clerk);
  const title = shop.querySelector('h1');
  document.title = `${title.textContent} · Storefront`;
  title.tabIndex = -1;
  if (moved) title.focus();
  else if (key) shop.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

async function draw(view, context) {
  try {
    return await view(context);
  } catch (error) {
    return [
      element('h1', {}, 'An error occurred'),
      alertBox(error.message),
      element('p', { class: 'buttons' }, element('button', { click: () => show(context) }, 'Try again')),
    ];
  }
}

function viewFor(session) {
  const name = window.location.hash.slice(2);
  return name in VIEWS ? name : (session ? 'catalogue' : 'sign-up');
}

function drawNavigation({ session }) {
  const current = viewFor(session);
  document.getElementById('nav').replaceChildren(...LINKS[session ? 'in' : 'out'].map((name) => element('li', {},
    element('a', { href: `#/${name}`, 'aria-current': name === current && 'page' },
      WORDS[name] ?? name,
      name === 'cart' && inCart ? element('span', { class: 'count' }, inCart) : null))));
}

function showError(text) {
  shop.querySelector(':scope > .alert')?.remove();
  shop.prepend(alertBox(text));
}

open().catch((error) => {
  shop.replaceChildren(element('h1', {}, 'The shop cannot start'), alertBox(error.message));
});
