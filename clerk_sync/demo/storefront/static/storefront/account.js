// Who the visitor is: sign up, sign in, profile, sign out, farewell. All of it happens at Clerk.

import { actingForm, buttons, element, field } from './dom.js';
import { SAID } from './sentences.js';

const someone = () => `ada-${crypto.getRandomValues(new Uint16Array(1))[0]}@example.com`;
const EMAIL = { type: 'email', required: true, autocomplete: 'email' };

export function signUp({ clerk, watch, journal, go }) {
  async function act(fields) {
    await clerk.signUp(fields);
    watch.startAfresh();
    journal.tell(SAID.signedUp);
    go('#/catalogue');
  }

  return [
    element('h1', {}, 'A shop whose customers live at Clerk'),
    element('p', { class: 'lead' },
      'Clerk keeps the passwords, PostgreSQL keeps the business, and clerk_sync keeps the copy between them right. ',
      'Sign up, and watch it happen.'),
    actingForm({ class: 'card' }, act,
      names('Ada', 'Lovelace'),
      field('E-mail address', 'email_address', { ...EMAIL, value: someone() }),
      buttons(element('button', {}, 'Sign up'), element('a', { href: '#/sign-in' }, 'I have an account')),
      element('p', { class: 'soft' }, 'This is the local Clerk: it asks for no password and sends no e-mail.')),
  ];
}

export function signIn({ clerk, watch, journal, go }) {
  async function act({ identifier }) {
    await clerk.signIn(identifier);
    watch.hurry();
    journal.tell(SAID.signedIn);
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

function nameForm({ clerk, watch, journal }) {
  async function act(fields) {
    await clerk.rename(fields);
    watch.hurry();
    journal.tell(SAID.renamed);
  }

  const { first_name: first, last_name: last } = clerk.session.user;
  return actingForm({ class: 'card' }, act,
    element('h2', {}, 'Name'), names(first, last), buttons(element('button', {}, 'Save at Clerk')));
}

function emailForm({ clerk, watch, journal }) {
  async function act({ email_address: address }) {
    await clerk.moveTo(address);
    watch.hurry();
    journal.tell(SAID.moved);
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

function leave({ clerk, watch, journal, go, complain }) {
  async function signOut() {
    await clerk.signOut();
    journal.tell(SAID.signedOut);
    go('#/sign-in');
  }

  async function deleteAccount() {
    await clerk.deleteAccount();
    watch.hurry();
    journal.tell(SAID.deleted);
    go('#/farewell');
  }

  const trying = (act) => () => act().catch((error) => complain(error.message));
  const dialog = document.getElementById('farewell');
  dialog.onclose = () => { if (dialog.returnValue === 'delete') trying(deleteAccount)(); };
  const ask = () => { dialog.returnValue = ''; dialog.showModal(); };
  return buttons(
    element('button', { class: 'quiet', click: trying(signOut) }, 'Sign out'),
    element('button', { class: 'danger', click: ask }, 'Delete account'));
}

export function farewell() {
  return [
    element('h1', {}, 'Gone, and kept'),
    element('p', { class: 'lead' },
      'What was personal is gone. What belongs to the books stays, under a row without a name.'),
    element('p', {}, element('a', { class: 'button', href: '#/sign-up' }, 'Come back as somebody new')),
  ];
}
