// Keyboard shortcuts, in a table that the settings show as well.

import { make, part, remember, remembered } from './dom.js';

const KEYS = [
  ['Space', 'Play or pause'],
  ['S', 'Play only the summary'],
  ['J K L', 'Play backwards, pause, play on (again: faster)'],
  ['← →', 'One second back, on (Shift: ten)'],
  [', .', 'One frame back, on'],
  ['[ ]', 'The shot before, the next shot'],
  ['P', 'Keep the selected sentences, else the shot at the playhead'],
  ['X', 'Leave them out'],
  ['I O', 'The part starts, ends at the playhead'],
  ['T', 'Split the part at the playhead'],
  ['Delete', 'Remove the part'],
  ['A', 'Suggest again'],
  ['B', 'Go to the length; ← → change it'],
  ['/', 'Search in the transcript'],
  ['1 2 3 4', 'The first choice, the others'],
  ['Ctrl+Z Ctrl+Shift+Z', 'Undo, redo'],
  ['+ − 0', 'Zoom in, out, whole video'],
  ['M C F', 'Mute, captions, full screen'],
  ['E', 'More formats'],
  ['?', 'This list'],
];

export function fillHelp(dialog, box) {
  const rows = KEYS.flatMap(([keys, words]) => [
    make('dt', {}, ...keys.split(' ').flatMap((key) => [make('kbd', { textContent: key }), ' '])),
    make('dd', { textContent: words }),
  ]);
  part(dialog, 'keys').replaceChildren(...rows);
  box.checked = remembered('single-keys', 'on') === 'on';
  box.addEventListener('change', () => remember('single-keys', box.checked ? 'on' : 'off'));
}

/** Call the studio's actions for keys, except in dialogs and text fields; `single()` says whether one key is enough. */
export function listen(actions, single) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const on = actions();
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const target = event.target;
    if (target.matches('input:is([type="text"], [type="search"]), textarea, select') || !on) return;
    if (command && (key === 'z' || key === 'y')) {
      if (key === 'y' || event.shiftKey) on.redo();
      else on.undo();
    } else if (command || event.altKey) return;
    else if ((key === 'ArrowLeft' || key === 'ArrowRight') && !target.matches('input')) {
      if (!single() && !target.matches('[data-track]')) return;
      on.step((key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 10 : 1));
    } else if (key === 'Home' && target.matches('[data-track]')) on.seek(0);
    else if (key === 'End' && target.matches('[data-track]')) on.seek(Infinity);
    else if (!single()) return;
    else if (key === ' ' && !target.matches('button, a, summary, input[type="checkbox"]')) on.playPause();
    else if (key === '[' || key === ']') on.shot(key === '[' ? -1 : 1);
    else if (key === ',' || key === '.') on.frame(key === ',' ? -1 : 1);
    else if (/^[1-9]$/.test(key)) on.alternative(Number(key) - 1);
    else if (key === '0') on.fit();
    else if (key === '+' || key === '=') on.zoom(1.6);
    else if (key === '-') on.zoom(1 / 1.6);
    else {
      const action = {
        s: on.playSummary,
        j: on.backwards,
        k: on.pause,
        l: on.faster,
        p: on.keep,
        x: on.leaveOut,
        i: on.startHere,
        o: on.endHere,
        t: on.split,
        Delete: on.removePart,
        a: on.suggest,
        b: on.focusLength,
        '/': on.search,
        m: on.mute,
        c: on.captions,
        f: on.full,
        e: on.files,
        '?': on.help,
      }[key];
      if (!action) return;
      action();
    }
    event.preventDefault();
  });
}
