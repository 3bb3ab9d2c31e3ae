/** Which configuration was applied last, and which a host has taken, from the chains that say so. */
import type { AppliedNumber, ControlRecord } from './repository-format.ts'

export interface AppliedPointer extends AppliedNumber {
  readonly at: string
}

/** The highest number counts, not the last record: a chain that was written anew may begin below what agents know. */
export function newestApplied(records: readonly ControlRecord[]): AppliedPointer | null {
  return highest(records.flatMap(({ at, body }) => (body.kind === 'config' ? [{ at, configHash: body.configHash, number: body.number }] : [])))
}

export function newestTaken(records: readonly ControlRecord[], host: string): AppliedPointer | null {
  return highest(
    records.flatMap(({ at, body }) => (body.kind === 'config-taken' && body.host === host ? [{ at, configHash: body.configHash, number: body.number }] : [])),
  )
}

function highest(all: readonly AppliedPointer[]): AppliedPointer | null {
  return all.reduce<AppliedPointer | null>((best, one) => (best === null || one.number >= best.number ? one : best), null)
}
