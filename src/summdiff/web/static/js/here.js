// The line above the timeline: the shot at the playhead, and the buttons that keep it or leave it out.

import { part } from './dom.js';
import { holdMost } from './spans.js';
import { shotWords } from './words.js';

export class Here {
  /** `pick(kind)` keeps the shot ('keep') or leaves it out ('drop'). */
  constructor(root, pick) {
    this.root = root;
    part(root, 'keep').addEventListener('click', () => pick('keep'));
    part(root, 'leave-out').addEventListener('click', () => pick('drop'));
  }

  /** Show the shot at a place; `parts`, `keep` and `drop` are spans. */
  show(shot, place, { parts, keep, drop }) {
    const words = shotWords(shot, place, { parts, keep, drop });
    part(this.root, 'here').textContent = words[0].toUpperCase() + words.slice(1);
    for (const [name, spans] of [
      ['keep', keep],
      ['leave-out', drop],
    ]) {
      part(this.root, name).setAttribute('aria-pressed', String(holdMost(spans, shot.start, shot.end)));
    }
  }
}
