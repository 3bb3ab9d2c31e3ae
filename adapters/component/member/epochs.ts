/**
 * Epochs: the newest attempt at a destructive step wins, without clock or expiry. The epoch is
 * the name of the directory that every destructive rename goes into or comes out of; taking over
 * renames that directory, so a late rename of an older attempt fails with ENOENT.
 */
import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { Member } from './member.ts'

export interface Epoch {
  readonly number: number
  /** `<work directory>/epoch-<number>`; gone as soon as somebody else has taken over. */
  readonly directory: string
}

const pattern = /^epoch-(\d{6})$/

/** Takes the next epoch. Of two at once each gets another number, and only the higher one can still act. */
export async function takeEpoch(member: Pick<Member, 'workDirectory'>): Promise<Epoch> {
  await mkdir(member.workDirectory, { recursive: true, mode: 0o711 })
  for (let tries = 0; tries < 100; tries++) {
    const newest = (await epochsIn(member.workDirectory)).at(-1) ?? 0
    const next = epochAt(member, newest + 1)
    try {
      if (newest === 0) await mkdir(next.directory, { mode: 0o711 })
      else await rename(epochAt(member, newest).directory, next.directory)
      return next
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'ENOENT' && code !== 'EEXIST') throw error
    }
  }
  throw new MusterError('EpochSuperseded', `a hundred others were faster at taking an epoch in ${member.workDirectory}`)
}

async function epochsIn(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory)
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

function epochAt(member: Pick<Member, 'workDirectory'>, number: number): Epoch {
  return { number, directory: join(member.workDirectory, `epoch-${String(number).padStart(6, '0')}`) }
}

/** Looks right before a step that cannot be conditional by itself. @throws MusterError EpochSuperseded */
export async function assertNewest(member: Pick<Member, 'workDirectory'>, epoch: Epoch): Promise<void> {
  const newest = (await epochsIn(member.workDirectory)).at(-1)
  if (newest !== epoch.number) throw superseded(member, epoch)
}

/** Turns the ENOENT of a late rename into what it means. */
export function superseded(member: Pick<Member, 'workDirectory'>, epoch: Epoch): MusterError {
  return new MusterError('EpochSuperseded', `epoch ${epoch.number} of ${member.workDirectory} was taken over by a newer attempt`)
}
