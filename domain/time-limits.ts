/**
 * How long anything in a run may take, in seconds. A plan carries them, so that tests wait
 * milliseconds and a phase that overruns ends with a name instead of hanging.
 */
export interface TimeLimits {
  /** A worker that says nothing for so long is taken for dead. */
  readonly heartbeatSeconds: number
  /** One activity, over all its attempts, where no other limit is named. */
  readonly controlSeconds: number
  /** Reading a component, or restoring one. */
  readonly transferSeconds: number
  /** Copying to one store before the copy becomes a debt. */
  readonly copySeconds: number
  /** Until an agent takes urgent work. */
  readonly agentSeconds: number
  /** First pause before a retry; doubles up to sixteen times this. */
  readonly retrySeconds: number
  /** Delivery of one notification. */
  readonly notifySeconds: number
  /** Until a paused run (not protected, past the point of no return) gives up waiting for a person. */
  readonly correctionSeconds: number
}

export const defaultTimeLimits: TimeLimits = {
  heartbeatSeconds: 30,
  controlSeconds: 600,
  transferSeconds: 24 * 3600,
  copySeconds: 1800,
  agentSeconds: 60,
  retrySeconds: 6,
  notifySeconds: 120,
  correctionSeconds: 7 * 24 * 3600,
}

/** Of the first look of a run, in which no configuration has a say yet: short, so that a dead worker is soon missed. */
export const firstLimits: TimeLimits = { ...defaultTimeLimits, heartbeatSeconds: 10 }

/** Until a notice that reached nobody is tried again: a minute by default, twice as long each time, at most an hour. @param tries so far */
export function tellAgainSeconds({ retrySeconds }: Pick<TimeLimits, 'retrySeconds'>, tries: number): number {
  return retrySeconds * Math.min(10 * 2 ** (tries - 1), 600)
}
