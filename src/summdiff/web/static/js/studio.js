// A video in the studio: connects the player, the timeline, the panel and the list of shots to one state.

import { api, filmstripAddress, mediaAddress } from './api.js';
import { copyOf, part, relabel, sharp, speak, toast } from './dom.js';
import { History, same } from './history.js';
import { Latest } from './latest.js';
import { Panel } from './panel.js';
import { Player } from './player.js';
import { ShotList } from './shots.js';
import { Filmstrip } from './filmstrip.js';
import { Timeline } from './timeline.js';
import { clock, coding, percent, shareOfShot } from './words.js';

export class Studio {
  /** Calls `onHistory(canUndo, canRedo)` after every change; `openExport()` and `openHelp()` open dialogs. */
  constructor(video, { onHistory, openExport, openHelp }) {
    this.video = video;
    this.onHistory = onHistory;
    this.openExport = openExport;
    this.openHelp = openHelp;
    this.page = copyOf('tpl-studio');
    this.versions = new Map(); // number -> version
    this.choice = null;
    this.selecting = new Latest((state, began) => this.#select(state, began));
  }

  /** Load the versions and fill the page. Call once the page is in the document. */
  async start() {
    const numbers = Array.from({ length: this.video.versions }, (_, number) => number);
    const versions = await Promise.all(numbers.map((number) => api.version(this.video.id, number)));
    versions.forEach((version) => this.versions.set(version.version, version));
    if (this.closed) return;
    const first = versions.at(-1);
    this.history = new History(`summdiff:${this.video.id}`, this.#stateOf(first), (state) => this.#changed(state));
    if (!this.versions.has(this.history.present.version)) this.history.change(this.#stateOf(first));
    this.choice = first.selection;

    const on = {
      seek: (seconds) => this.player.seek(seconds),
      pin: (shot) => this.#toggle('pins', shot),
      ban: (shot) => this.#toggle('bans', shot),
    };
    this.timeline = new Timeline(part(this.page, 'track').closest('.timeline'), on);
    this.shots = new ShotList(this.page, on);
    this.panel = new Panel(this.page, {
      ...on,
      drag: (budget) => this.history.drag({ budget: this.#fitting(budget), alternative: null }),
      settle: () => this.history.settle(),
      budget: (budget) => this.history.change({ budget: this.#fitting(budget), alternative: null }),
      release: (shot) => this.#release(shot),
      ask: () => this.ask(),
      cancelNewVersion: () => this.#tell(api.cancel(this.video.new_version.id)),
      useVersion: (version) => this.#useVersion(version),
      useAlternative: (alternative) => this.#useAlternative(alternative),
    });
    this.player = new Player({
      video: part(this.page, 'video'),
      address: mediaAddress(this.video.id),
      duration: first.duration,
      startInPlayer: this.video.start_in_player,
      onTime: (seconds) => this.#time(seconds),
      onState: () => this.#playing(),
    });
    part(this.page, 'screen').style.setProperty('--aspect', this.video.width / this.video.height);
    this.filmstrip = new Filmstrip(filmstripAddress(this.video.id), this.video.filmstrip, () => {
      this.timeline.setFilmstrip(this.filmstrip);
      this.shots.setFilmstrip(this.filmstrip);
      this.panel.setFilmstrip(this.filmstrip);
      this.panel.redraw();
      this.#still();
    });
    this.#listen();
    part(this.page, 'name').textContent = this.video.title;
    part(this.page, 'whole').textContent = clock(first.duration);
    this.update(this.video);
    this.#changed(this.history.present);
    this.#time(0);
    const [opening] = this.choice.parts; // the first frame of a video is often black
    if (opening) this.player.seek(opening[0] + 0.001);
  }

  close() {
    this.closed = true;
    this.timeline?.close();
    this.shots?.close();
    this.player?.close();
  }

  /** Show a new state of the video. */
  update(video) {
    const before = this.video;
    this.video = video;
    if (!this.panel) return;
    this.panel.asking(video.new_version);
    const failed = video.new_version?.state === 'failed' && before.new_version?.state !== 'failed';
    if (failed) toast(video.new_version.error, 'error');
    if (video.versions > this.versions.size && !this.loading) {
      this.loading = true;
      this.#loadVersions().finally(() => (this.loading = false));
    }
  }

  async #loadVersions() {
    for (let number = this.versions.size; number < this.video.versions; number += 1) {
      const version = await api.version(this.video.id, number).catch(() => null);
      if (!version || this.closed) return;
      this.versions.set(number, version);
      this.#useVersion(number);
      speak(`Version ${number + 1} is ready.`);
    }
  }

  // Decisions ---------------------------------------------------------------------------------------------------------

  get version() {
    return this.versions.get(this.history.present.version) ?? this.versions.get(0);
  }

  /** The selection in the form that the API expects. */
  selectionOf(state = this.history.present) {
    const spans = (places) => places.map((place) => [this.version.shots[place].start, this.version.shots[place].end]);
    return { version: state.version, budget: state.budget, keep: spans(state.pins), drop: spans(state.bans) };
  }

  /** The selection to export: with the alternative. */
  exportSelection() {
    return { ...this.selectionOf(), alternative: this.history.present.alternative };
  }

  #stateOf(version) {
    const places = (spans) =>
      version.shots.flatMap(({ start, end }, place) =>
        spans.some(([from, to]) => from <= start && end <= to) ? [place] : [],
      );
    return {
      version: version.version,
      budget: version.budget,
      pins: places(version.keep),
      bans: places(version.drop),
      alternative: null,
    };
  }

  #changed(state) {
    const { version } = this;
    if (this.timeline.version !== version) {
      this.timeline.setVersion(version);
      this.shots.setVersion(version);
      this.panel.setVersion(version);
    }
    this.onHistory(this.history.canUndo, this.history.canRedo);
    const alternative = state.alternative === null ? null : version.alternatives[state.alternative];
    if (alternative) {
      this.selecting.clear();
      const chosen = version.shots.flatMap((shot, place) =>
        alternative.selection.some(([start, end]) => start < shot.end - 0.01 && shot.start < end - 0.01) ? [place] : [],
      );
      this.panel.problem('');
      this.#choose({ chosen, parts: alternative.selection, seconds: alternative.seconds }, state);
    } else {
      this.#choose(this.choice, state); // constraints are shown at once, the selection follows
      this.selecting.ask(state, performance.now());
    }
  }

  async #select(state, began) {
    try {
      const choice = await api.select(this.video.id, this.selectionOf(state));
      if (this.closed || this.history.present.alternative !== null) return;
      if (this.refused) this.panel.problem((this.refused = ''));
      this.#choose(choice, this.history.present);
      this.timeline.drawNow();
      performance.measure('summdiff-selection', { start: began, end: performance.now() });
    } catch (error) {
      if (error.status === 422) this.panel.problem((this.refused = error.message));
      else toast(error.message, 'error');
    }
  }

  #choose(choice, state) {
    const all = { ...choice, pins: state.pins, bans: state.bans };
    if (
      this.choice !== choice ||
      this.marked !== state.pins ||
      this.barred !== state.bans ||
      this.chosenFor !== this.version
    ) {
      [this.choice, this.marked, this.barred, this.chosenFor] = [choice, state.pins, state.bans, this.version];
      this.timeline.setChoice(all);
      this.shots.setChoice(all);
      this.player.setParts(choice.parts);
    }
    const versions = [...this.versions.values()].map((version) => ({
      number: version.version,
      constraints: version.keep.length + version.drop.length,
    }));
    this.panel.update({ state, choice, versions, asked: this.#asked(state) });
    this.#here();
  }

  /** Whether the version was computed under exactly these constraints. */
  #asked(state) {
    const own = this.#stateOf(this.version);
    const sorted = (places) => [...places].sort((a, b) => a - b);
    return same([sorted(own.pins), sorted(own.bans)], [sorted(state.pins), sorted(state.bans)]);
  }

  #toggle(kind, shot) {
    const { pins, bans } = this.history.present;
    const had = (kind === 'pins' ? pins : bans).includes(shot);
    const without = {
      pins: pins.filter((each) => each !== shot),
      bans: bans.filter((each) => each !== shot),
      alternative: null,
    };
    if (!had) without[kind] = [...without[kind], shot].sort((a, b) => a - b);
    const budget = Math.max(this.history.present.budget, this.#least(without.pins));
    if (budget > this.history.present.budget) toast('The length was raised, so that what is pinned fits.');
    this.history.change({ ...without, budget });
    speak(`Shot ${shot + 1} ${had ? 'is free again' : kind === 'pins' ? 'pinned' : 'banned'}.`);
  }

  /** The smallest budget that fits these pinned shots, with a margin for rounding to frames. */
  #least(pins) {
    const seconds = pins.reduce(
      (sum, place) => sum + this.version.shots[place].end - this.version.shots[place].start + 0.05,
      0,
    );
    return pins.length ? Math.min(1, (1.001 * seconds) / this.version.duration) : 0;
  }

  /** The budget, or the smallest one that fits the pinned shots. */
  #fitting(budget) {
    const least = this.#least(this.history.present.pins);
    this.panel.problem(
      budget < least ? `What is pinned lasts ${clock(least * this.version.duration)}: unpin some to go below.` : '',
    );
    return Math.max(budget, least);
  }

  #release(shot) {
    const { pins, bans } = this.history.present;
    const without = (places) => places.filter((each) => each !== shot);
    this.history.change({ pins: without(pins), bans: without(bans), alternative: null });
  }

  /** Show another version under the same constraints; its shots may differ where constraints divide them. */
  #useVersion(number) {
    const { pins, bans } = this.history.present;
    const shots = this.versions.get(number).shots;
    const moved = (places) => {
      const middles = places.map((place) => (this.version.shots[place].start + this.version.shots[place].end) / 2);
      return middles
        .map((middle) => shots.findIndex(({ start, end }) => start <= middle && middle < end))
        .filter((place) => place >= 0);
    };
    this.history.change({ version: number, pins: moved(pins), bans: moved(bans), alternative: null });
  }

  #useAlternative(alternative) {
    if (alternative !== null && !(this.version.alternatives[alternative] && this.#asked(this.history.present))) return;
    this.history.change(alternative === null ? { alternative } : { alternative, budget: this.version.budget });
    speak(`Summary ${String.fromCharCode(65 + (alternative === null ? 0 : alternative + 1))}.`);
  }

  ask() {
    if (['waiting', 'running'].includes(this.video.new_version?.state)) return;
    const { version, ...constraints } = this.selectionOf();
    this.#tell(api.addVersion(this.video.id, constraints));
  }

  #tell(promise) {
    return promise.catch((error) => toast(error.message, 'error'));
  }

  // The player --------------------------------------------------------------------------------------------------------

  #time(seconds) {
    this.timeline.setTime(seconds);
    part(this.page, 'time').textContent = clock(seconds, true);
    const place = this.timeline.shotAt(seconds);
    this.shots.setCurrent(place);
    if (place !== this.place) {
      this.place = place;
      this.#here();
    }
    if (this.player?.stills) this.#still();
    if (this.player?.summaryOnly) {
      const passed = this.choice.parts.reduce(
        (sum, [start, end]) => sum + Math.min(Math.max(seconds - start, 0), end - start),
        0,
      );
      part(this.page, 'mode').textContent = `Summary ${clock(passed)} / ${clock(this.choice.seconds)}`;
    }
  }

  #here() {
    if (this.place === undefined) return;
    const shot = this.version.shots[this.place];
    const { pins, bans } = this.history.present;
    const [pinned, banned] = [pins.includes(this.place), bans.includes(this.place)];
    const chosen = this.choice.chosen.includes(this.place);
    part(this.page, 'here').textContent =
      `Shot ${this.place + 1} of ${this.version.shots.length} · ${shareOfShot(shot, this.choice.parts, 'left out')} · ` +
      `in ${percent(shot.probability)} of samples`;
    part(this.page, 'here').classList.toggle('chosen', chosen);
    for (const [name, on, verb] of [
      ['pin', pinned, 'Pin'],
      ['ban', banned, 'Ban'],
    ]) {
      const button = part(this.page, name);
      button.setAttribute('aria-pressed', String(on));
      button.lastElementChild.textContent = on ? `${verb}ned` : verb;
    }
  }

  #playing() {
    const { playing, summaryOnly, stills, video } = this.player;
    relabel(part(this.page, 'play'), playing ? 'pause' : 'play', playing ? 'Pause' : 'Play', 'Space');
    part(this.page, 'play-summary').setAttribute('aria-pressed', String(playing && summaryOnly));
    part(this.page, 'mode').hidden = !(playing && summaryOnly);
    const mute = part(this.page, 'mute');
    relabel(mute, video.muted ? 'mute' : 'sound', video.muted ? 'Sound on' : 'Sound off', 'M');
    mute.setAttribute('aria-pressed', String(video.muted));
    mute.disabled = stills || !this.video.has_audio;
    part(this.page, 'still').hidden = !stills;
    const cannot = part(this.page, 'cannot');
    cannot.hidden = !stills;
    if (stills && !cannot.textContent) {
      video.hidden = true;
      cannot.textContent = `This browser cannot play ${coding(this.video)}. Still pictures stand in for it; everything else works, and an exported mp4 plays.`;
      this.#still();
    }
  }

  /** Draw the still of a video that the browser cannot play. */
  #still() {
    if (!this.player.stills || !this.filmstrip.ready) return;
    const canvas = part(this.page, 'still');
    const { clientWidth: width, clientHeight: height } = canvas;
    this.filmstrip.draw(sharp(canvas, width, height), this.player.time, 0, 0, width, height);
  }

  #listen() {
    const click = (name, action) => part(this.page, name).addEventListener('click', action);
    click('play', () => this.playPause());
    click('video', () => this.playPause());
    click('still', () => this.playPause());
    click('play-summary', () => this.playSummary());
    click('mute', () => this.mute());
    click('full', () => this.full());
    click('pin', () => this.#toggle('pins', this.place));
    click('ban', () => this.#toggle('bans', this.place));
    click('zoom-in', () => this.timeline.zoom(1.6));
    click('zoom-out', () => this.timeline.zoom(1 / 1.6));
    click('zoom-fit', () => this.timeline.fit());
  }

  playPause() {
    if (this.player.playing) this.player.pause();
    else this.player.play();
  }

  playSummary() {
    if (this.player.playing && this.player.summaryOnly) this.player.pause();
    else this.player.play({ summaryOnly: true });
  }

  mute() {
    this.player.video.muted = !this.player.video.muted;
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else part(this.page, 'screen').requestFullscreen?.();
  }

  redraw() {
    this.timeline?.draw();
    this.panel?.redraw();
  }

  /** Actions of the keyboard; null while the video is loading. */
  get actions() {
    if (!this.player || !this.panel) return null;
    return {
      playPause: () => this.playPause(),
      playSummary: () => this.playSummary(),
      seek: (seconds) => this.player.seek(seconds),
      step: (seconds) => this.player.seek(this.player.time + seconds),
      shot: (by) => {
        const place = Math.min(Math.max(this.timeline.shotAt(this.player.time) + by, 0), this.version.shots.length - 1);
        this.player.seek(this.version.shots[place].start + 0.001);
      },
      pin: () => this.#toggle('pins', this.place),
      ban: () => this.#toggle('bans', this.place),
      ask: () => this.ask(),
      alternative: (place) => this.#useAlternative(place === 0 ? null : place - 1),
      fit: () => this.timeline.fit(),
      zoom: (factor) => this.timeline.zoom(factor),
      focusBudget: () => this.panel.focusBudget(),
      undo: () => this.history.undo(),
      redo: () => this.history.redo(),
      mute: () => this.mute(),
      full: () => this.full(),
      export: () => this.openExport(),
      help: () => this.openHelp(),
    };
  }
}
