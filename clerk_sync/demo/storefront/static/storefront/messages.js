// Messages about the actions of this page: what happened, and why it matters.

export const MESSAGES = {
  signedUp: {
    text: 'You signed up at Clerk. Clerk sends a signed `user.created` to this service. Your browser has a session token.',
    tone: 'good',
    step: 'signed-up',
  },
  signedIn: {
    text: 'You signed in at Clerk. Clerk does not notify the service: the session token proves the sign-in.',
    tone: 'good',
  },
  renamed: {
    text: 'The name changed at Clerk. It cannot be changed here. A webhook brings it to this service.',
    step: 'changed',
  },
  moved: {
    text: 'Two changes at Clerk, so two webhooks: the address was added, then made the primary address. '
      + 'They may arrive in any order.',
    step: 'changed',
  },
  signedOut: {
    text: 'You signed out at Clerk, and the cookies were deleted. '
      + 'A copied token would stay valid for one minute at most.',
  },
  deleted: { text: 'Your account is deleted at Clerk. The page keeps the last token, so that it can show your row once more.' },
  addressed: { text: 'Only you can read this address. Other users get 404. Checkout copies it into the order.' },
  postponed: {
    text: 'Clerk cannot be reached for a new token. The old one is still valid: this service verifies it without Clerk.',
    tone: 'bad',
  },
  taken: ({ name }) => ({
    text: `${name} is in the cart. The page sent a sku and a quantity. The price comes from the catalogue.`,
  }),
  ordered: ({ number }) => ({
    text: `Order ${number}. The request has an Idempotency-Key: sending it again returns the same order.`,
    tone: 'good',
    step: 'ordered',
  }),
};
