// What the keyboard can do in the studio; `keys.js` says which key does what.

/** Actions by name; null while the video is loading. */
export function actionsOf(studio) {
  if (!studio.playbar) return null;
  const { player, playbar, timeline, cutting, edits } = studio;
  return {
    playPause: () => playbar.playPause(),
    playSummary: () => playbar.playSummary(),
    pause: () => player.pause(),
    faster: () => playbar.faster(),
    backwards: () => player.playBackwards(),
    seek: (seconds) => player.seek(seconds),
    step: (seconds) => player.seek(player.time + seconds),
    frame: (count) => player.step(count),
    shot: (by) => {
      const { shots } = studio.version;
      player.seek(shots[Math.min(Math.max(timeline.shotAt(player.time) + by, 0), shots.length - 1)].start);
    },
    keep: () => studio.pickHere('keep'),
    leaveOut: () => studio.pickHere('drop'),
    startHere: () => cutting.mark(0),
    endHere: () => cutting.mark(1),
    split: () => cutting.split(),
    removePart: () => cutting.remove(),
    suggest: () => studio.suggest(),
    alternative: (place) => studio.useAlternative(place === 0 ? null : place - 1),
    fit: () => timeline.fit(),
    zoom: (factor) => timeline.zoom(factor),
    focusLength: () => studio.length.focus(),
    search: () => studio.transcript.focusSearch(),
    undo: () => edits.undo(),
    redo: () => edits.redo(),
    mute: () => playbar.mute(),
    captions: () => playbar.captions(),
    full: () => playbar.full(),
    files: () => studio.openFiles('more'),
    help: () => studio.openHelp(),
  };
}
