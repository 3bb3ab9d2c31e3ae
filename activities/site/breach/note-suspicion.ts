import { foldRecords } from '../../../domain/control-state.ts'
import { appendRecord } from '../../../repository/control-records.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { recordWriter } from '../../host/incarnations.ts'

export interface NoteSuspicionInput {
  readonly system: string
  readonly configHash: string
  /** Workflow id and run id. */
  readonly run: string
  readonly since: string
  readonly hosts: readonly string[]
}

/**
 * Writes down that hosts are under suspicion since a moment: what their keys signed after it is no recovery point, and the
 * system is not started there.
 *
 * Effect: a control record.
 * Idempotent: yes; the record names the run.
 * Heartbeat: none needed.
 * Fails with: RecordConflict, Unreachable.
 */
export function noteSuspicion(agent: Agent) {
  return async ({ system, configHash, run, since, hosts }: NoteSuspicionInput, _work: Work): Promise<{ readonly notedAt: string }> => {
    const { config } = await agent.config(configHash)
    const notedAt = agent.now().toISOString()
    const records = await appendRecord(await recordWriter(agent, config), system, (all) =>
      all.some(({ body }) => body.kind === 'suspicion' && body.run === run) ? null : { kind: 'suspicion', run, since, hosts, notedAt },
    )
    return { notedAt: foldRecords(records).suspicions.find((one) => one.run === run)?.notedAt ?? notedAt }
  }
}
