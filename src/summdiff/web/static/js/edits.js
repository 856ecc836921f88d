// What the person decided about a video. It lives on the server, with the steps of undo; this is its present state:
// {version, budget, keep: [span…], drop: [span…], alternative: place or null, parts: [span…] or null}.

import { api } from './api.js';
import { same } from './spans.js';

export class Edits {
  /** `answer` is what the server keeps, `first` the state before the first decision; calls `onChange(state)`. */
  constructor(video, answer, first, { onChange, onError }) {
    this.video = video;
    this.onChange = onChange;
    this.onError = onError;
    this.present = answer.present ?? first;
    this.canUndo = answer.can_undo;
    this.canRedo = answer.can_redo;
    this.stored = answer.present !== null; // the first decision stores the state before it as well
    this.first = first;
    this.held = null; // the state before the current drag
    this.queue = Promise.resolve();
  }

  /** Change the present state as one step of undo. */
  change(changes) {
    const next = { ...this.present, ...changes };
    const before = this.held ?? this.present;
    this.held = null;
    if (!same(next, before)) {
      this.#store(next);
      this.canUndo = true;
      this.canRedo = false;
    }
    this.#become(next);
  }

  /** Change the present state during a drag, which is one step of undo and ends with `settle`. */
  drag(changes) {
    this.held ??= this.present;
    this.#become({ ...this.present, ...changes });
  }

  settle() {
    if (this.held) this.change({});
  }

  undo() {
    this.settle();
    this.#move(api.undo, 'canUndo');
  }

  redo() {
    this.settle();
    this.#move(api.redo, 'canRedo');
  }

  #move(request, can) {
    if (!this[can]) return;
    this.#send(async () => {
      const answer = await request(this.video);
      this.canUndo = answer.can_undo;
      this.canRedo = answer.can_redo;
      this.#become(answer.present);
    });
  }

  #store(next) {
    const first = this.stored ? [] : [this.first];
    this.stored = true;
    this.#send(async () => {
      for (const state of [...first, next]) await api.edit(this.video, state);
    });
  }

  /** Send requests one after the other. */
  #send(request) {
    this.queue = this.queue.then(request).catch(this.onError);
  }

  #become(next) {
    this.present = next;
    this.onChange(next);
  }
}
