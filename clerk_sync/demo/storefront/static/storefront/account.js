// The user's account at Clerk: sign-up, sign-in, profile, sign-out, deletion.

import { actingForm, buttons, element, field } from './dom.js';
import { MESSAGES } from './messages.js';

const someone = () => `ada-${crypto.getRandomValues(new Uint16Array(1))[0]}@example.com`;
const EMAIL = { type: 'email', required: true, autocomplete: 'email' };

export function signUp({ clerk, poller, journal, go }) {
  async function act(fields) {
    await clerk.signUp(fields);
    poller.reset();
    journal.publish(MESSAGES.signedUp);
    go('#/catalogue');
  }

  return [
    element('h1', {}, 'A shop with customers from Clerk'),
    element('p', { class: 'lead' },
      'Clerk stores the passwords, PostgreSQL stores the orders, and clerk_sync keeps the users in step. ',
      'Sign up and see how it works.'),
    actingForm({ class: 'card' }, act,
      names('Ada', 'Lovelace'),
      field('E-mail address', 'email_address', { ...EMAIL, value: someone() }),
      buttons(element('button', {}, 'Sign up'), element('a', { href: '#/sign-in' }, 'I have an account')),
      element('p', { class: 'soft' }, 'The local Clerk needs no password and sends no e-mail.')),
  ];
}

export function signIn({ clerk, poller, journal, go }) {
  async function act({ identifier }) {
    await clerk.signIn(identifier);
    poller.hurry();
    journal.publish(MESSAGES.signedIn);
    go('#/catalogue');
  }

  return [
    element('h1', {}, 'Welcome back'),
    actingForm({ class: 'card' }, act,
      field('E-mail address', 'identifier', EMAIL),
      buttons(element('button', {}, 'Sign in'), element('a', { href: '#/sign-up' }, 'I am new here'))),
  ];
}

export async function account(context) {
  const me = await context.api.get('/api/me');
  const known = `${me.email ?? 'no e-mail address yet'}, ${me.role}: as the mirror has you, in GET /api/me.`;
  return [
    element('h1', {}, me.name),
    element('p', { class: 'soft' }, known),
    nameForm(context),
    emailForm(context),
    element('section', { class: 'leave' }, element('h2', {}, 'Leave'), leave(context)),
  ];
}

function nameForm({ clerk, poller, journal }) {
  async function act(fields) {
    await clerk.rename(fields);
    poller.hurry();
    journal.publish(MESSAGES.renamed);
  }

  const { first_name: first, last_name: last } = clerk.session.user;
  return actingForm({ class: 'card' }, act,
    element('h2', {}, 'Name'), names(first, last), buttons(element('button', {}, 'Save at Clerk')));
}

function emailForm({ clerk, poller, journal }) {
  async function act({ email_address: address }) {
    await clerk.moveTo(address);
    poller.hurry();
    journal.publish(MESSAGES.moved);
  }

  const { email_addresses: addresses, primary_email_address_id: primary } = clerk.session.user;
  const value = addresses.find(({ id }) => id === primary)?.email_address;
  return actingForm({ class: 'card' }, act,
    element('h2', {}, 'E-mail'),
    field('Address', 'email_address', { ...EMAIL, value }),
    buttons(element('button', {}, 'Save at Clerk')));
}

function names(first, last) {
  return element('div', { class: 'pair' },
    field('First name', 'first_name', { autocomplete: 'given-name', value: first }),
    field('Last name', 'last_name', { autocomplete: 'family-name', value: last }));
}

function leave({ clerk, poller, journal, go, showError }) {
  async function signOut() {
    await clerk.signOut();
    journal.publish(MESSAGES.signedOut);
    go('#/sign-in');
  }

  async function deleteAccount() {
    await clerk.deleteAccount();
    poller.hurry();
    journal.publish(MESSAGES.deleted);
    go('#/farewell');
  }

  const trying = (act) => () => act().catch((error) => showError(error.message));
  const dialog = document.getElementById('farewell');
  dialog.onclose = () => { if (dialog.returnValue === 'delete') trying(deleteAccount)(); };
  const ask = () => { dialog.returnValue = ''; dialog.showModal(); };
  return buttons(
    element('button', { class: 'quiet', click: trying(signOut) }, 'Sign out'),
    element('button', { class: 'danger', click: ask }, 'Delete account'));
}

export function farewell() {
  return [
    element('h1', {}, 'Your account is deleted'),
    element('p', { class: 'lead' },
      'Personal data was deleted. Orders stay, under a row without a name.'),
    element('p', {}, element('a', { class: 'button', href: '#/sign-up' }, 'Sign up again')),
  ];
}
