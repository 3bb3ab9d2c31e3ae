/** The journal of a member: what is about to be done and what was, so that a person can finish by hand. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Epoch } from './epochs.ts'
import type { Member } from './member.ts'

export async function journal(member: Pick<Member, 'workDirectory'>, epoch: Epoch, what: string, from: string, to: string): Promise<void> {
  const line = JSON.stringify({ at: new Date().toISOString(), epoch: epoch.number, what, from, to })
  await appendFile(join(member.workDirectory, 'journal.jsonl'), `${line}\n`, { mode: 0o600, flush: true })
}
