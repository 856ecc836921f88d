// One request at a time; of those that come meanwhile only the latest is made.

export class Latest {
  constructor(request) {
    this.request = request;
    this.busy = false;
    this.waiting = null;
  }

  /** Ask with these arguments, unless a later call overtakes this one. */
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

  /** Forget what waits. */
  clear() {
    this.waiting = null;
  }
}
