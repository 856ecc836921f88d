// Makes one request at a time; of requests that arrive meanwhile, only the latest is made.

export class Latest {
  constructor(request) {
    this.request = request;
    this.busy = false;
    this.waiting = null;
  }

  /** Request with these arguments, unless a later call replaces them. */
  async ask(...asked) {
    if (this.busy) {
      this.waiting = asked;
      return;
    }
    this.busy = true;
    try {
      let next = asked;
      while (next) {
        this.waiting = null;
        await this.request(...next);
        next = this.waiting;
      }
    } finally {
      this.busy = false;
    }
  }

  /** Drop the waiting request. */
  clear() {
    this.waiting = null;
  }
}

/** A function that runs `action` with the latest arguments once it was not called for `milliseconds`. */
export function later(action, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), milliseconds);
  };
}
