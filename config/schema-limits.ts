/** `limits` as people write them, and as domain/time-limits.ts counts them. */
import { z } from 'zod'
import { parseDuration } from '../domain/durations.ts'
import type { TimeLimits } from '../domain/time-limits.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import { positiveDuration } from './schema-values.ts'

function limit(member: keyof TimeLimits, description: string) {
  return positiveDuration.default(`${defaultTimeLimits[member]}s`).meta({ description, examples: ['5m'] })
}

export const limitsSchema = z
  .strictObject({
    heartbeat: limit('heartbeatSeconds', 'A worker that says nothing for so long is taken for dead.'),
    control: limit('controlSeconds', 'One step over all its attempts, where no other limit is named.'),
    transfer: limit('transferSeconds', 'Reading a component, or restoring one.'),
    copy: limit('copySeconds', 'Copying to one store before the copy becomes a debt.'),
    agent: limit('agentSeconds', 'Until an agent takes urgent work.'),
    retry: limit('retrySeconds', 'First pause before a retry; doubles up to sixteen times this.'),
    notify: limit('notifySeconds', 'Delivery of one notification.'),
    correction: limit('correctionSeconds', 'Until a paused run gives up waiting for a person.'),
  })
  .meta({ description: 'How long anything in a run may take; rarely changed.' })

export function normaliseLimits(written: z.output<typeof limitsSchema>): TimeLimits {
  return {
    heartbeatSeconds: parseDuration(written.heartbeat),
    controlSeconds: parseDuration(written.control),
    transferSeconds: parseDuration(written.transfer),
    copySeconds: parseDuration(written.copy),
    agentSeconds: parseDuration(written.agent),
    retrySeconds: parseDuration(written.retry),
    notifySeconds: parseDuration(written.notify),
    correctionSeconds: parseDuration(written.correction),
  }
}
