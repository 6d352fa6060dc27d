// A picture for each product, drawn from its sku: six cells of plain geometry, always the same for the same sku.

import { shape } from './dom.js';

const CELL = 40;
const COLUMNS = 3;
const ROWS = 2;

const DRAWINGS = [
  () => [shape('circle', { cx: 20, cy: 20, r: 20 })],
  () => [shape('path', { d: 'M0 0A40 40 0 0 1 40 40H0Z' })],
  () => [shape('path', { d: 'M40 0A40 40 0 0 0 0 40H40Z' })],
  () => [shape('path', { d: 'M0 20A20 20 0 0 1 40 20Z' }), shape('path', { d: 'M0 40A20 20 0 0 1 40 40Z' })],
  () => [shape('path', { d: 'M0 40L40 0V40Z' })],
  () => [shape('path', { d: 'M0 0H40L20 20ZM0 40H40L20 20Z' })],
  () => [shape('circle', { cx: 20, cy: 20, r: 9 })],
  () => [shape('path', { d: 'M0 0H40V13H0ZM0 27H40V40H0Z' })],
];

function* numbersFrom(text) {
  let state = [...text].reduce((sum, letter) => Math.imul(sum ^ letter.codePointAt(0), 0x01000193) >>> 0, 0x811c9dc5);
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 12;
  }
}

/** Draw the picture. It is decorative. */
export function picture(sku) {
  const numbers = numbersFrom(sku);
  const next = (below) => numbers.next().value % below;
  const scheme = next(5);
  const cells = Array.from({ length: COLUMNS * ROWS }, (_, index) => {
    const place = `translate(${(index % COLUMNS) * CELL} ${Math.floor(index / COLUMNS) * CELL})`;
    const turn = `rotate(${next(4) * 90} 20 20)`;
    const ground = shape('rect', { width: CELL + 0.5, height: CELL + 0.5, class: `ground-${next(3)}` });
    return shape('g', { transform: place }, ground,
      shape('g', { transform: turn, class: `ink-${next(3)}` }, ...DRAWINGS[next(DRAWINGS.length)]()));
  });
  return shape('svg', {
    class: `picture scheme-${scheme}`, viewBox: `0 0 ${COLUMNS * CELL} ${ROWS * CELL}`, 'aria-hidden': 'true',
    preserveAspectRatio: 'xMidYMid slice',
  }, ...cells);
}
