// A front end of the service, and a look behind the counter while it is used: puts the parts together, shows the views.

import { account, farewell, signIn, signUp } from './storefront/account.js';
import { Api } from './storefront/api.js';
import { Behind } from './storefront/behind.js';
import { Clerk, frontendApiOf } from './storefront/clerk.js';
import { alertBox, element } from './storefront/dom.js';
import { Journal } from './storefront/journal.js';
import { SAID } from './storefront/sentences.js';
import { cart, catalogue, orders } from './storefront/shop.js';
import { explain } from './storefront/story.js';
import { Watch } from './storefront/watch.js';

const VIEWS = { catalogue, cart, orders, account, 'sign-up': signUp, 'sign-in': signIn, farewell };
const WITH_SESSION = ['cart', 'orders', 'account'];
const LINKS = { in: ['catalogue', 'cart', 'orders', 'account'], out: ['catalogue', 'sign-in', 'sign-up'] };
const WORDS = { 'sign-in': 'sign in', 'sign-up': 'sign up' };

const shop = document.getElementById('shop');
const settings = document.body.dataset;
const journal = new Journal();
let turn = 0;
let inCart = 0;

function locate() {
  const named = frontendApiOf(settings.publishableKey);
  if (settings.proxyUrl) return settings.proxyUrl;
  throw new Error(
    `This page signs in at the local Clerk, and CLERK_API_URL does not lead to one. At ${named} it takes clerk-js.`);
}

async function open() {
  const frontendApi = locate();
  const clerk = new Clerk(frontendApi, journal);
  const api = new Api(settings.api, clerk, journal);
  const watch = new Watch({ clerk, panelUrl: settings.panel, localClerk: frontendApi });
  const context = {
    api, clerk, journal, watch, complain,
    go: (hash) => { window.location.hash = hash; },
    refresh: () => show(context),
    cart: { items: [] },
    setCart: (content) => {
      context.cart = content;
      inCart = content.items.reduce((sum, { quantity }) => sum + quantity, 0);
      drawNavigation(clerk);
    },
  };
  new Behind({ journal, watch, clerk });
  // Who comes back has seen it all: at the first look there is nothing before.
  watch.addEventListener('look', ({ detail: { before, after } }) => {
    if (before) explain(before, after).forEach((each) => journal.tell(each));
    const isNews = before && before.row?.version !== after.row?.version;
    // Not while somebody types: their words would be gone.
    const isTyping = document.activeElement.matches('#shop input');
    if (isNews && !isTyping && placeFor(clerk.session) === 'account') context.refresh();
  });
  clerk.addEventListener('change', () => drawNavigation(clerk));
  clerk.addEventListener('postponed', () => journal.tell(SAID.postponed));
  journal.addEventListener('request', () => watch.hurry());
  window.addEventListener('hashchange', () => show(context, { moved: true }));
  installChoices(watch, api);
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault(); // the fragment says which view is shown
    shop.focus();
  });
  await clerk.load();
  if (clerk.session) context.setCart(await api.get('/api/cart'));
  await show(context);
}

function installChoices(watch, api) {
  const fate = document.getElementById('fate');
  fate.addEventListener('change', ({ target }) => watch.decide(target.value).catch((error) => complain(error.message)));
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
  const name = placeFor(session);
  if (!session && WITH_SESSION.includes(name)) {
    context.go('#/sign-in');
    return;
  }
  turn += 1;
  const mine = turn;
  shop.setAttribute('aria-busy', 'true');
  const content = await draw(VIEWS[name], context);
  if (mine !== turn) return;
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
      element('h1', {}, 'That did not work'),
      alertBox(error.message),
      element('p', { class: 'buttons' }, element('button', { click: () => show(context) }, 'Try again')),
    ];
  }
}

function placeFor(session) {
  const name = window.location.hash.slice(2);
  return name in VIEWS ? name : (session ? 'catalogue' : 'sign-up');
}

function drawNavigation({ session }) {
  const here = placeFor(session);
  document.getElementById('nav').replaceChildren(...LINKS[session ? 'in' : 'out'].map((name) => element('li', {},
    element('a', { href: `#/${name}`, 'aria-current': name === here && 'page' },
      WORDS[name] ?? name,
      name === 'cart' && inCart ? element('span', { class: 'count' }, inCart) : null))));
}

function complain(text) {
  shop.querySelector(':scope > .alert')?.remove();
  shop.prepend(alertBox(text));
}

open().catch((error) => {
  shop.replaceChildren(element('h1', {}, 'The shop cannot open'), alertBox(error.message));
});
