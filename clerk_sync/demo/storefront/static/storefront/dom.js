// Elements made from text. No text is ever parsed as markup.

const SVG = 'http://www.w3.org/2000/svg';

/** Make an element. A function is a listener, true an empty attribute; false and null are left out. */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
export function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (![false, null, undefined].includes(value)) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Text with `code` in it, as elements. */
export function prose(text) {
  return text.split('`').map((part, index) => (index % 2 ? element('code', {}, part) : part));
}

/** A labelled field. */
export function field(label, name, attributes = {}) {
  return element('label', { class: 'field' }, element('span', {}, label), element('input', { name, ...attributes }));
}

/** A row of buttons. */
export function buttons(...children) {
  return element('p', { class: 'buttons' }, ...children);
}

/** A message that is read out at once. */
export function alertBox(text) {
  return element('p', { class: 'alert', role: 'alert' }, text);
}

/**
 * A form that calls `act` with its values and shows errors, beside the fields and as a message.
 * Until `act` has finished, the form accepts no second click.
 */
export function actingForm(attributes, act, ...children) {
  const form = element('form', attributes, ...children);
  const message = element('div', { class: 'message' });
  form.append(message);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const all = [...form.querySelectorAll('button')];
    message.replaceChildren();
    for (const button of all) button.disabled = true;
    try {
      await act(Object.fromEntries(new FormData(form)));
    } catch (error) {
      message.replaceChildren(alertBox(error.message));
    } finally {
      for (const button of all) button.disabled = false;
    }
  });
  return form;
}

/** Format an amount in minor units. */
export function money(minor, currency) {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** Format milliseconds in a readable unit. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
