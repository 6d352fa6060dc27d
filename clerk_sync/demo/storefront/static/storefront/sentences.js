// What the page says about its own acts: what just happened, and why it matters.

export const SAID = {
  signedUp: {
    text: 'You signed up at Clerk. It has signed `user.created` and is sending it here; your browser holds a token.',
    tone: 'good',
    step: 'signed-up',
  },
  signedIn: {
    text: 'You signed in at Clerk. The service was not told, and need not be: the token proves it.',
    tone: 'good',
  },
  renamed: {
    text: 'The name changed at Clerk, the one place where it can. This service learns of it by a webhook.',
    step: 'changed',
  },
  moved: {
    text: 'Two changes at Clerk, so two webhooks: the address was added, then made the primary one. '
      + 'They may arrive in any order.',
    step: 'changed',
  },
  signedOut: {
    text: 'You signed out at Clerk; the cookies are gone. '
      + 'A token that was copied before would still be good, for a minute at most.',
  },
  deleted: { text: 'Your account is deleted at Clerk. The page keeps the last token for a last look at your row.' },
  addressed: { text: 'The address is yours alone: to anybody else it is a 404. Checkout copies it into the order.' },
  postponed: {
    text: 'Clerk cannot be reached for a new token. The old one is still good: this service asks Clerk nothing.',
    tone: 'bad',
  },
  taken: ({ name }) => ({
    text: `${name} is in the cart. The page sent a sku and a quantity; the price is the catalogue’s.`,
  }),
  ordered: ({ number }) => ({
    text: `Order ${number}. It was sent with an Idempotency-Key: sent again, it would be this same order.`,
    tone: 'good',
    step: 'ordered',
  }),
};
