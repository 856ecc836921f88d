// The user's decisions about a video, with undo and redo. States are immutable:
// {version, budget, pins: [shot…], bans: [shot…], alternative: null or its place}.

const MOST = 200;

export class History {
  /** `key` names the entry of session storage that survives a reload. */
  constructor(key, first, onChange) {
    this.key = key;
    this.onChange = onChange;
    this.past = [];
    this.future = [];
    this.present = first;
    this.held = null; // the state before the current drag
    try {
      const kept = JSON.parse(sessionStorage.getItem(key));
      if (kept?.present) ({ past: this.past, present: this.present, future: this.future } = kept);
    } catch {
      // Nothing was stored, or storage is forbidden: start without history.
    }
  }

  get canUndo() {
    return this.past.length > 0 || this.held !== null;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** Change the present state as one step of undo. */
  change(changes) {
    this.settle();
    const next = { ...this.present, ...changes };
    if (same(next, this.present)) return;
    this.past = [...this.past, this.present].slice(-MOST);
    this.future = [];
    this.#become(next);
  }

  /** Change the present state during a drag, which is one step of undo and ends with `settle`. */
  drag(changes) {
    this.held ??= this.present;
    this.#become({ ...this.present, ...changes });
  }

  settle() {
    if (this.held && !same(this.held, this.present)) {
      this.past = [...this.past, this.held].slice(-MOST);
      this.future = [];
    }
    if (this.held) {
      this.held = null;
      this.#become(this.present);
    }
  }

  undo() {
    this.settle();
    if (!this.past.length) return;
    this.future = [this.present, ...this.future];
    this.#become(this.past.pop());
  }

  redo() {
    this.settle();
    if (!this.future.length) return;
    this.past.push(this.present);
    this.#become(this.future.shift());
  }

  #become(next) {
    this.present = next;
    if (this.held === null) {
      try {
        const { past, present, future } = this;
        sessionStorage.setItem(this.key, JSON.stringify({ past, present, future }));
      } catch {
        // Without storage, only the history after a reload is lost.
      }
    }
    this.onChange(next);
  }
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
