import { type Moment, momentToBeFound } from './scenario.ts'

/** As the command line and the workflow have it. */
export function toMoment(moment: Moment | null): {
  readonly procedure: 'restoreSystem' | 'recoverToPointInTime'
  readonly option: string
  readonly input: Readonly<Record<string, unknown>>
} {
  if (moment?.kind === 'newest') return { procedure: 'restoreSystem', option: '', input: {} }
  const time = moment?.time ?? momentToBeFound
  return { procedure: 'recoverToPointInTime', option: ` --to ${time}`, input: { to: { time } } }
}
