// What was decided about a film, with undo and redo. States are plain values that are never changed:
// {version, budget, pins: [shot…], bans: [shot…], alternative: null or its place}.

const MOST = 200;

export class History {
  /** `key` is where the browser keeps it over a reload of the page. */
  constructor(key, first, onChange) {
    this.key = key;
    this.onChange = onChange;
    this.past = [];
    this.future = [];
    this.present = first;
    this.held = null; // the state before a drag that is under way
    try {
      const kept = JSON.parse(sessionStorage.getItem(key));
      if (kept?.present) ({ past: this.past, present: this.present, future: this.future } = kept);
    } catch {
      // Nothing was kept, or nothing may be: the film simply starts anew.
    }
  }

  get canUndo() {
    return this.past.length > 0 || this.held !== null;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** Change the present; one step of undo. */
  change(changes) {
    this.settle();
    const next = { ...this.present, ...changes };
    if (same(next, this.present)) return;
    this.past = [...this.past, this.present].slice(-MOST);
    this.future = [];
    this.#become(next);
  }

  /** Change the present within a drag: all of it is one step of undo, which `settle` ends. */
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
        // A full or forbidden store only costs the undo steps after a reload.
      }
    }
    this.onChange(next);
  }
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
