/**
 * Epochs: the newest attempt at a destructive step wins, without clock or expiry. The epoch is
 * the name of the directory that every destructive rename goes into or comes out of; taking over
 * renames that directory, so a late rename of an older attempt fails with ENOENT. Which attempt is
 * older is said by its claim: one that was frozen before it took an epoch must not take one afterwards.
 */
import { readdirSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { Member } from './member.ts'

/** Who takes an epoch. Within a run later steps have higher numbers, and later attempts of a step too. */
export interface Claim {
  readonly run: string
  readonly step: number
  readonly attempt: number
}

export interface Epoch {
  readonly number: number
  /** `<work directory>/epoch-<number>`; gone as soon as somebody else has taken over. */
  readonly directory: string
}

type Place = Pick<Member, 'workDirectory'>

const pattern = /^epoch-(\d{6})$/

/**
 * Takes the next epoch. Of two at once each gets another number, and only the higher one can still act.
 * @throws MusterError EpochSuperseded when a later attempt, step or run has taken one before
 */
export async function takeEpoch(place: Place, claim: Claim): Promise<Epoch> {
  await mkdir(place.workDirectory, { recursive: true, mode: 0o711 })
  for (let tries = 0; tries < 100; tries++) {
    const newest = newestOf(await readdir(place.workDirectory)) ?? 0
    const next = epochAt(place, newest + 1)
    try {
      if (newest === 0) await begin(place, claim, next)
      else await takeOver(place, claim, epochAt(place, newest), next)
      return next
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'ENOENT' && code !== 'EEXIST') throw error
    }
  }
  throw new MusterError('EpochSuperseded', `a hundred others were faster at taking an epoch in ${place.workDirectory}`)
}

/** The first name is free again once others have gone on: whoever makes it late finds them there. */
async function begin(place: Place, claim: Claim, first: Epoch): Promise<void> {
  await mkdir(first.directory, { mode: 0o711 })
  if (newestOf(await readdir(place.workDirectory)) !== first.number) {
    await rmdir(first.directory)
    throw superseded(place, first)
  }
  await note(first, { ...claim, before: [] })
}

/** What the last holder was, and which runs were before its own. */
interface Holder extends Claim {
  readonly before: readonly string[]
}

/** Runs that are remembered; a frozen attempt of an older one has long lost its connection. */
const mostRuns = 100

/** A claim that is read and then overtaken ends in a rename that fails, and is read again. */
async function takeOver(place: Place, claim: Claim, from: Epoch, to: Epoch): Promise<void> {
  const holder = await holderOf(from)
  if (holder !== null && isLater(holder, claim)) throw superseded(place, from)
  await rename(from.directory, to.directory)
  await note(to, { ...claim, before: runsBefore(holder, claim) })
}

/** Null in an epoch whose first holder died right after it was made. */
async function holderOf(epoch: Epoch): Promise<Holder | null> {
  const text = await readFile(join(epoch.directory, 'claim'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? null : (JSON.parse(text) as Holder)
}

async function note(epoch: Epoch, holder: Holder): Promise<void> {
  const path = join(epoch.directory, 'claim')
  await writeFile(`${path}.new`, JSON.stringify(holder), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

function isLater(holder: Holder, claim: Claim): boolean {
  if (holder.run !== claim.run) return holder.before.includes(claim.run)
  return holder.step > claim.step || (holder.step === claim.step && holder.attempt > claim.attempt)
}

function runsBefore(holder: Holder | null, claim: Claim): readonly string[] {
  if (holder === null) return []
  return holder.run === claim.run ? holder.before : [...holder.before, holder.run].slice(-mostRuns)
}

/** Undefined where there is none. */
function newestOf(names: readonly string[]): number | undefined {
  const numbers = names.flatMap((name) => pattern.exec(name)?.[1] ?? []).map(Number)
  return numbers.sort((a, b) => a - b).at(-1)
}

function epochAt(place: Place, number: number): Epoch {
  return { number, directory: join(place.workDirectory, `epoch-${String(number).padStart(6, '0')}`) }
}

/** Looks right before a step that cannot be conditional by itself. @throws MusterError EpochSuperseded */
export async function assertNewest(place: Place, epoch: Epoch): Promise<void> {
  if (newestOf(await readdir(place.workDirectory)) !== epoch.number) throw superseded(place, epoch)
}

/** The same without a pause in which somebody could take over, for the moment of the act. @throws MusterError EpochSuperseded */
export function insistNewest(place: Place, epoch: Epoch): void {
  if (newestOf(readdirSync(place.workDirectory)) !== epoch.number) throw superseded(place, epoch)
}

/** Turns the ENOENT of a late rename into what it means. */
export function superseded(place: Place, epoch: Epoch): MusterError {
  return new MusterError('EpochSuperseded', `epoch ${epoch.number} of ${place.workDirectory} was taken over by a newer attempt`)
}
