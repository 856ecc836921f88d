// Changes of parts by hand: lists of spans in the order in which they are played.

export const SHORTEST = 0.2; // seconds of a part

/** Times at which a cut looks or sounds natural: cuts of the film, and where somebody begins or stops to speak. */
export function naturalTimes(version, speech) {
  const times = version.shots.map(({ start }) => start);
  return [...times, version.duration, ...speech.flat()].sort((a, b) => a - b);
}

/** The time, or the nearest natural one within `reach` seconds. */
export function snapped(time, times, reach) {
  let best = time;
  let distance = reach;
  for (const candidate of times) {
    const away = Math.abs(candidate - time);
    if (away <= distance) [best, distance] = [candidate, away];
  }
  return best;
}

/** The parts with one edge (0 start, 1 end) of a part moved, between its other edge and the neighbouring parts. */
export function trimmed(parts, place, edge, time, duration) {
  const [start, end] = parts[place];
  const others = parts.filter((_, other) => other !== place);
  const before = Math.max(0, ...others.filter(([, to]) => to <= start + 1e-3).map(([, to]) => to));
  const after = Math.min(duration, ...others.filter(([from]) => from >= end - 1e-3).map(([from]) => from));
  const moved =
    edge === 0
      ? [Math.min(Math.max(time, before), end - SHORTEST), end]
      : [start, Math.max(Math.min(time, after), start + SHORTEST)];
  return parts.map((part, other) => (other === place ? moved : part));
}

/** The parts with one split in two; null if a piece would be too short. */
export function split(parts, place, time) {
  const [start, end] = parts[place];
  if (time - start < SHORTEST || end - time < SHORTEST) return null;
  return parts.flatMap((part, other) => (other === place ? [[start, time], [time, end]] : [part]));
}

/** Whether a part and the one played after it can become one: it follows in the film, with no other in between. */
export function joinable(parts, place) {
  const [one, next] = [parts[place], parts[place + 1]];
  if (!next || next[0] < one[1] - 1e-3) return false;
  return !parts.some(([start, end]) => start >= one[1] && end <= next[0] && end - start > 0 && start !== next[0]);
}

/** The parts with one and the next as one, and what lies between. */
export function join(parts, place) {
  return parts.flatMap((part, other) =>
    other === place ? [[part[0], parts[place + 1][1]]] : other === place + 1 ? [] : [part],
  );
}

/** The parts with one played earlier (-1) or later (1). */
export function moved(parts, place, by) {
  const next = [...parts];
  [next[place], next[place + by]] = [next[place + by], next[place]];
  return next;
}

export function removed(parts, place) {
  return parts.filter((_, other) => other !== place);
}

export function inFilmOrder(parts) {
  return [...parts].sort(([a], [b]) => a - b);
}

export function isInFilmOrder(parts) {
  return parts.every(([start], place) => place === 0 || parts[place - 1][0] <= start);
}
