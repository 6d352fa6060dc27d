// The views of the shop: catalogue, cart, orders. Each calls the API and returns elements.

import { picture } from './art.js';
import { actingForm, buttons, element, field, money } from './dom.js';
import { MESSAGES } from './messages.js';

const title = (text) => element('h1', {}, text);
const nothing = (text) => element('p', {}, text, ' ', element('a', { href: '#/catalogue' }, 'Go to the catalogue'), '.');
const itemPath = (sku) => `/api/cart/items/${encodeURIComponent(sku)}`;

export async function catalogue(context) {
  const { products } = await context.api.get('/api/products');
  if (products.length) {
    return [title('Catalogue'), element('ul', { class: 'products' }, products.map((each) => card(each, context)))];
  }
  const command = element('code', {}, 'flask shop load-products');
  return [title('Catalogue'), element('p', {}, 'Nothing is on sale. Load products: ', command)];
}

function card(product, context) {
  const { sku, name, description, price_minor: price, currency } = product;
  const add = ({ currentTarget }) => take(product, currentTarget, context);
  return element('li', { class: 'product' },
    picture(sku),
    element('h2', {}, name),
    element('p', {}, description),
    element('p', { class: 'buy' },
      element('strong', {}, money(price, currency)),
      context.clerk.session
        ? element('button', { click: add, 'aria-label': `Add ${name} to the cart` }, 'Add to cart')
        : element('a', { class: 'button', href: '#/sign-up' }, 'Sign up to buy')));
}

async function take(product, button, { api, journal, cart: known, setCart, showError }) {
  button.disabled = true;
  const held = known.items.find(({ sku }) => sku === product.sku)?.quantity ?? 0;
  try {
    setCart(await api.call('PUT', itemPath(product.sku), { json: { quantity: held + 1 } }));
    journal.publish(MESSAGES.taken(product));
  } catch (error) {
    showError(error.message);
  } finally {
    button.disabled = false;
  }
}

export async function cart(context) {
  const content = await context.api.get('/api/cart');
  context.setCart(content);
  if (!content.items.length) return [title('Cart'), nothing('Your cart is empty.')];
  const { addresses } = await context.api.get('/api/addresses');
  return [
    title('Cart'),
    element('ul', { class: 'lines' }, content.items.map((line) => cartLine(line, context))),
    element('p', { class: 'total' }, 'Total ', element('strong', {}, money(content.total_minor, content.currency))),
    addresses.length ? purchase(addresses, context) : null,
    newAddress(addresses.length > 0, context),
  ];
}

function cartLine({ sku, name, quantity, available, currency, unit_price_minor: price }, { api, refresh, showError }) {
  async function change(wanted) {
    try {
      if (wanted) await api.call('PUT', itemPath(sku), { json: { quantity: wanted } });
      else await api.call('DELETE', itemPath(sku));
      refresh();
    } catch (error) {
      showError(error.message);
    }
  }

  const button = (label, sign, step) => element('button', {
    class: 'quiet',
    'data-key': `${label} ${sku}`,
    'aria-label': `${label}: ${name}`,
    click: () => change(quantity + step),
  }, sign);
  return element('li', {},
    picture(sku),
    element('span', { class: 'what' }, name, available ? null : element('small', {}, ' not on sale any more')),
    element('span', { class: 'quantity' },
      button('One less', '−', -1), element('span', {}, quantity), button('One more', '+', 1)),
    element('span', { class: 'price' }, money(quantity * price, currency)));
}

function purchase(addresses, { api, journal, go, setCart }) {
  // Made once for the cart that is shown, so that a second click or a retry cannot buy twice.
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  async function act({ address_id: id }) {
    const order = await api.call('POST', '/api/cart/checkout', { json: { address_id: Number(id) }, headers });
    setCart({ items: [] });
    journal.publish(MESSAGES.ordered(order));
    go('#/orders');
  }

  const choices = addresses.map(({ id, name, line1, city, country }, index) => element('label', { class: 'option' },
    element('input', { type: 'radio', name: 'address_id', value: id, checked: index === 0 }),
    [name, line1, city, country].filter(Boolean).join(', ')));
  return actingForm({ class: 'purchase' }, act,
    element('fieldset', {}, element('legend', {}, 'Send it to'), choices),
    buttons(element('button', {}, 'Place the order')));
}

function newAddress(isFurther, { api, journal, refresh }) {
  async function act(fields) {
    await api.call('POST', '/api/addresses', { json: fields });
    journal.publish(MESSAGES.addressed);
    refresh();
  }

  const country = { required: true, pattern: '[A-Za-z]{2}', maxlength: 2, autocomplete: 'country', class: 'short' };
  const form = actingForm({ class: 'address' }, act,
    field('Street', 'line1', { required: true, autocomplete: 'address-line1' }),
    field('City', 'city', { required: true, autocomplete: 'address-level2' }),
    field('Country, two letters', 'country', country),
    buttons(element('button', { class: isFurther && 'quiet' }, 'Save the address')));
  if (!isFurther) return element('section', {}, element('h2', {}, 'Shipping address'), form);
  return element('details', { class: 'further' }, element('summary', {}, 'Another address'), form);
}

export async function orders({ api }) {
  const { orders: found } = await api.get('/api/orders?limit=20');
  if (!found.length) return [title('Orders'), nothing('No orders yet.')];
  return [title('Orders'), element('ul', { class: 'orders' }, found.map(orderCard))];
}

function orderCard({ number, status, items, total_minor: total, currency, shipping_address: { line1, city } }) {
  return element('li', {},
    element('p', { class: 'order-head' },
      element('code', {}, number),
      element('span', { class: 'status' }, status),
      element('strong', {}, money(total, currency))),
    element('p', {}, items.map(({ name, quantity }) => `${quantity} × ${name}`).join(', ')),
    element('p', { class: 'soft' }, `To ${line1}, ${city}`));
}
