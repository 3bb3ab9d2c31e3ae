/** A standing in words, for logs, status, doctor, alarms and `muster apply --adopt`. */
import type { JudgedRun, RunFinding, Standing } from '../domain/adoption.ts'

/** One line: why workers are held back. */
export function heldText({ runs }: Standing): string {
  const repeated = runs.filter(({ todo }) => todo === 'terminate')
  const open = runs.filter(({ finding }) => finding === 'cut-off')
  const [unknown] = runs.filter(({ finding }) => finding === 'unknown' || finding === 'gone')
  const parts = [
    ...(repeated.length > 0 ? [`it shows as running what went further or ended: ${namesOf(repeated)}`] : []),
    ...(open.length > 0 ? [`it does not know a run that was changing a system: ${namesOf(open)}`] : []),
    ...(unknown && repeated.length + open.length === 0 ? [`it does not know the newest run: ${namesOf([unknown])}`] : []),
  ]
  return `this Temporal was lost or rolled back: ${parts.join('; ')}`
}

export const adoptCommand = 'muster apply --adopt'

function namesOf(runs: readonly JudgedRun[]): string {
  const named = runs.slice(0, 3).map(({ procedure, system, startedAt }) => `${procedure} of ${system} of ${startedAt}`)
  return [...named, ...(runs.length > 3 ? [`${runs.length - 3} more`] : [])].join(', ')
}

const todoText: Readonly<Record<RunFinding, string>> = {
  unknown: 'accepted: done, and known to the repository',
  gone: 'accepted: lost, nothing was changed in place',
  'cut-off': 'NEEDS A PERSON: nobody knows its end',
  'would-repeat': 'terminated here, without compensation',
  'would-repeat-cut-off': 'NEEDS A PERSON, then terminated here: nobody knows its end',
  overtaken: 'terminated here, without compensation',
}

/** Of each run two lines, newest first. */
export function standingLines({ runs }: Standing, most = 20): readonly string[] {
  const lines = runs
    .slice(0, most)
    .flatMap((run) => [`${run.workflowId}  ${run.procedure} of ${run.system}, ${run.startedAt}  run ${run.runId}`, `  ${run.why} → ${todoText[run.finding]}`])
  return runs.length > most ? [...lines, `and ${runs.length - most} older ones`] : lines
}
