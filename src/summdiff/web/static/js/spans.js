// Spans [start, end) of a video in seconds, and lists of them.

const NEAR = 0.01; // seconds: less comes from rounding

/** Seconds of these spans that lie in [start, end). */
export function secondsIn(spans, start, end) {
  return spans.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, end) - Math.max(from, start)), 0);
}

export function total(spans) {
  return spans.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** Whether these spans hold most of [start, end). */
export function holdMost(spans, start, end) {
  return secondsIn(spans, start, end) > (end - start) / 2;
}

/** The spans without [start, end). */
export function without(spans, start, end) {
  return spans.flatMap(([from, to]) => {
    if (to <= start + NEAR || from >= end - NEAR) return [[from, to]];
    return [
      [from, Math.min(to, start)],
      [Math.max(from, end), to],
    ].filter(([a, b]) => b - a > NEAR);
  });
}

/** The spans and [start, end), in order, joined where they overlap or touch. */
export function joined(spans, start, end) {
  const merged = [];
  for (const [from, to] of [...spans, [start, end]].sort(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last && from <= last[1] + NEAR) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Positions of the shots of which these spans hold a part. */
export function shotsIn(spans, shots) {
  return shots.flatMap(({ start, end }, place) => (secondsIn(spans, start, end) > NEAR ? [place] : []));
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * What becomes of picks and hand-cut parts, {keep, drop, parts or null}, when spans are kept ('keep') or left out ('drop');
 * doing so again undoes it. `had` says whether it does.
 */
export function picked({ keep, drop, parts }, kind, spans) {
  const had = spans.every(([start, end]) => holdMost(kind === 'keep' ? keep : drop, start, end));
  const next = { keep, drop };
  let cut = parts;
  for (const [start, end] of spans.reduce((all, [from, to]) => joined(all, from, to), [])) {
    next.keep = without(next.keep, start, end);
    next.drop = without(next.drop, start, end);
    if (had) continue;
    next[kind] = [...next[kind], [start, end]].sort(([a], [b]) => a - b);
    if (cut) cut = kind === 'keep' ? joined(cut, start, end) : without(cut, start, end);
  }
  return { had, changes: cut?.length ? { ...next, parts: cut } : next };
}
