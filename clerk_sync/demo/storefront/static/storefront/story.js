// Messages for the difference between two states of the mirror: what happened, and why it matters.

import { duration } from './dom.js';

const OUTCOMES = {
  unchanged: 'contained what the mirror already has. Nothing was written.',
  stale: 'was too old: the mirror already has a newer version.',
  duplicate: 'arrived a second time. Applying it again changed nothing.',
  parked: 'could not be mapped. It is stored with the reason until `flask sync-clerk replay`.',
  foreign: 'was signed by another Clerk instance. It was counted, not applied.',
};

const msBetween = (from, to) => Date.parse(to) - Date.parse(from);
const lag = ({ lag_ms: lagMs }) => (lagMs === null ? '' : `, ${duration(lagMs)} after it happened at Clerk`);

/** Return messages for the changes between two states, oldest first. */
export function explain(before, after) {
  const known = new Set(before.events.map(({ svix_id: id }) => id));
  const arrived = after.events.filter(({ svix_id: id }) => !known.has(id)).reverse();
  return [
    ...lostBetween(before, after),
    ...rowBetween(before.row, after.row, arrived),
    ...endBetween(before, after, arrived),
    ...arrived.filter(({ outcome }) => OUTCOMES[outcome]).map(({ type, outcome }) => (
      { text: `\`${type}\` ${OUTCOMES[outcome]}`, tone: outcome === 'parked' ? 'bad' : 'plain' })),
    ...roleBetween(before.row, after.row),
  ];
}

/** Return whether the row lags behind Clerk: the badge's text and tone. */
export function statusOf({ row, messages }) {
  if (row?.deleted_at) return { text: 'deleted: a tombstone', tone: 'plain' };
  const newest = messages.at(-1);
  const isBehind = newest && (newest.type === 'user.deleted' || (row?.version ?? -1) < newest.body.data.updated_at);
  if (isBehind && newest.state === 'waiting') return { text: 'a webhook is in transit', tone: 'waiting' };
  if (isBehind) return { text: 'behind Clerk', tone: 'bad' };
  return row ? { text: 'in step with Clerk', tone: 'good' } : { text: 'no row yet', tone: 'waiting' };
}

function lostBetween(before, after) {
  const lost = new Set(before.messages.filter(({ state }) => state === 'missing').map(({ svix_id: id }) => id));
  return after.messages.filter(({ svix_id: id, state }) => state === 'missing' && !lost.has(id)).map(({ type }) => ({
    text: `\`${type}\` was lost. The service cannot notice that. The row stays unchanged until `
      + '`flask sync-clerk sync` reads Clerk.',
    tone: 'bad',
    step: 'lost',
  }));
}

function rowBetween(before, after, arrived) {
  if (!after || after.deleted_at) return [];
  if (!before) return firstRow(after, arrived);
  if (after.version <= before.version) return [];
  const event = arrived.findLast(({ outcome }) => outcome === 'applied');
  if (!event) {
    const text = '`flask sync-clerk sync` read Clerk and repaired the row. A second run would write nothing.';
    return [{ text, tone: 'good', step: 'repaired' }];
  }
  if (before.version === 0) return [filled(after, event)];
  const text = `\`${event.type}\` brought a newer version${lag(event)}. Older versions are refused from now on.`;
  return [{ text, tone: 'good' }];
}

function firstRow(row, arrived) {
  const event = arrived.find(({ outcome }) => outcome === 'applied');
  // Written in the same transaction, both have the same instant.
  if (event && event.received_at === row.created_at) {
    return [{ text: `\`${event.type}\` arrived before your first request and created your row${lag(event)}.`, tone: 'good' }];
  }
  const made = {
    text: 'Your first request created your row with version 0. '
      + 'So a new user is served before the webhook arrives.',
    tone: 'good',
  };
  return row.version === 0 ? [made] : [made, event ? filled(row, event) : { text: '`sync` filled it.', tone: 'good' }];
}

function filled(row, event) {
  const waited = duration(msBetween(row.created_at, event.received_at));
  return { text: `The webhook filled it ${waited} later.`, tone: 'good' };
}

function endBetween(before, after, arrived) {
  if (!after.row?.deleted_at || before.row?.deleted_at) return [];
  const event = arrived.find(({ type }) => type === 'user.deleted');
  const found = event
    ? `\`user.deleted\` left a tombstone${lag(event)}`
    : '`sync` did not find you at Clerk and left a tombstone';
  const { orders } = after.owns;
  const kept = ['', ', your order stays'][orders] ?? `, your ${orders} orders stay`;
  const text = `${found}: name, e-mail, addresses and cart were deleted${kept}. The row stays deleted.`;
  return [{ text, step: event ? 'deleted' : 'repaired' }];
}

function roleBetween(before, after) {
  if (!before || !after || before.role === after.role) return [];
  return [{
    text: `A database session changed your role to ${after.role}, and \`role_changes\` has a row about it. `
      + 'No request can do that.',
  }];
}
