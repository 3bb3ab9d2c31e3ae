/** `limits` as people write them, and as domain/time-limits.ts and domain/turns.ts count them. */
import { z } from 'zod'
import { parseDuration } from '../domain/durations.ts'
import type { LimitsConfig } from '../domain/config.ts'
import type { TimeLimits } from '../domain/time-limits.ts'
import { defaultTimeLimits } from '../domain/time-limits.ts'
import { defaultFailoversPerHost } from '../domain/turns.ts'
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
    notify: limit(
      'notifySeconds',
      'Delivery of one notification. Each channel has half of it, at most 30 s, so that a slow one takes nothing from the others.',
    ),
    correction: limit('correctionSeconds', 'Until a paused run gives up waiting for a person.'),
    failoversPerHost: z
      .int()
      .min(1)
      .max(50)
      .optional()
      .meta({
        description: `Where a site is lost: how many systems one host brings back at once; the others wait in the order of their priority. ${defaultFailoversPerHost}, unless configured.`,
        examples: [4],
      }),
  })
  .meta({ description: 'How long anything in a run may take, and how much at once; rarely changed.' })

export function normaliseLimits(written: z.output<typeof limitsSchema>): LimitsConfig {
  return {
    heartbeatSeconds: parseDuration(written.heartbeat),
    controlSeconds: parseDuration(written.control),
    transferSeconds: parseDuration(written.transfer),
    copySeconds: parseDuration(written.copy),
    agentSeconds: parseDuration(written.agent),
    retrySeconds: parseDuration(written.retry),
    notifySeconds: parseDuration(written.notify),
    correctionSeconds: parseDuration(written.correction),
    // Absent where it is not written: a configuration of before keeps its hash.
    ...(written.failoversPerHost !== undefined && { failoversPerHost: written.failoversPerHost }),
  }
}
