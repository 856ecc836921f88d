// Keyboard shortcuts, in a table that the help dialog shows as well.

import { make, part } from './dom.js';

export const KEYS = [
  ['Space', 'Play, pause', ' '],
  ['S', 'Play only the summary', 's'],
  ['← →', 'One second back, on (Shift: ten)', 'arrows'],
  ['[ ]', 'The shot before, the next shot', 'brackets'],
  ['P', 'Pin the shot at the playhead', 'p'],
  ['X', 'Ban the shot at the playhead', 'x'],
  ['A', 'Ask the model again', 'a'],
  ['B', 'Go to the length; ← → change it', 'b'],
  ['1 2 3 4', 'The summary, its alternatives', 'digits'],
  ['Ctrl+Z, Ctrl+Shift+Z', 'Undo, redo', 'undo'],
  ['+ − 0', 'Zoom in, out, whole video', 'zoom'],
  ['M, F', 'Sound off, full screen', 'm'],
  ['E', 'Export', 'e'],
  ['?', 'This list', '?'],
];

export function fillHelp(dialog) {
  const rows = KEYS.flatMap(([keys, words]) => [
    make('dt', {}, ...keys.split(/(, )/).map((key) => (key === ', ' ? ', ' : make('kbd', { textContent: key })))),
    make('dd', { textContent: words }),
  ]);
  part(dialog, 'keys').replaceChildren(...rows);
}

/** Call the studio's actions for keys, except in dialogs and text fields. */
export function listen(actions) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const on = actions();
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const target = event.target;
    const typing = target.matches('input[type="text"], textarea');
    if (typing || !on) return;
    if (command && (key === 'z' || key === 'y')) {
      if (key === 'y' || event.shiftKey) on.redo();
      else on.undo();
    } else if (command || event.altKey) return;
    else if (key === ' ' && !target.matches('button, a, summary')) on.playPause();
    else if ((key === 'ArrowLeft' || key === 'ArrowRight') && !target.matches('input')) {
      on.step((key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 10 : 1));
    } else if (key === 'Home' && target.matches('[data-track]')) on.seek(0);
    else if (key === 'End' && target.matches('[data-track]')) on.seek(Infinity);
    else if (key === '[' || key === ']') on.shot(key === '[' ? -1 : 1);
    else if (/^[1-9]$/.test(key)) on.alternative(Number(key) - 1);
    else if (key === '0') on.fit();
    else if (key === '+' || key === '=') on.zoom(1.6);
    else if (key === '-') on.zoom(1 / 1.6);
    else {
      const action = {
        s: on.playSummary,
        p: on.pin,
        x: on.ban,
        a: on.ask,
        b: on.focusBudget,
        m: on.mute,
        f: on.full,
        e: on.export,
        '?': on.help,
      }[key];
      if (!action) return;
      action();
    }
    event.preventDefault();
  });
}
