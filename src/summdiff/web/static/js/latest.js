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
