/** A closed run, out of what the server lists. */
import type { ClosedRun } from './history.ts'

/** Of what the server lists, what is read here. */
export interface ListedRun {
  readonly execution?: { readonly workflowId?: string | null; readonly runId?: string | null } | null
  readonly type?: { readonly name?: string | null } | null
  readonly status?: number | null
  readonly startTime?: Timestamp | null
  readonly closeTime?: Timestamp | null
  readonly memo?: { readonly fields?: Payloads | null } | null
  readonly searchAttributes?: { readonly indexedFields?: Payloads | null } | null
}

interface Timestamp {
  readonly seconds?: { toNumber(): number } | null
  readonly nanos?: number | null
}

type Payloads = Readonly<Record<string, { readonly data?: Uint8Array | null }>>

/** Temporal's numbers. */
const statusNames: Readonly<Record<number, string>> = { 2: 'completed', 3: 'failed', 4: 'cancelled', 5: 'terminated', 6: 'continued-as-new', 7: 'timed-out' }

/** Null for one that is not closed. */
export function runOf({ execution, type, status, startTime, closeTime, memo, searchAttributes }: ListedRun): ClosedRun | null {
  if (!execution?.workflowId || !execution.runId || !closeTime) return null
  const said = (name: string) => decoded(memo?.fields?.[name]?.data)
  const text = (value: unknown) => (typeof value === 'string' ? value : null)
  return {
    workflowId: execution.workflowId,
    runId: execution.runId,
    type: type?.name ?? '',
    status: statusNames[status ?? 0] ?? 'unknown',
    startedAt: timeOf(startTime ?? closeTime),
    closedAt: timeOf(closeTime),
    said: {
      site: text(said('site')),
      system: text(decoded(searchAttributes?.indexedFields?.['MusterSystem']?.data)),
      outcome: text(said('outcome')),
      evidence: evidenceOf(said('evidence')),
    },
  }
}

function evidenceOf(said: unknown): ClosedRun['said']['evidence'] {
  if (typeof said !== 'object' || said === null) return null
  return 'key' in said ? 'kept' : 'lost'
}

function timeOf({ seconds, nanos }: Timestamp): string {
  return new Date((seconds?.toNumber() ?? 0) * 1000 + Math.floor((nanos ?? 0) / 1e6)).toISOString()
}

function decoded(data: Uint8Array | null | undefined): unknown {
  try {
    return data ? (JSON.parse(Buffer.from(data).toString('utf8')) as unknown) : undefined
  } catch {
    return undefined
  }
}
