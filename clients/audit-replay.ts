/**
 * Replays an archived run: with the code that decided it, out of its replay kit and with the SDK that the kit names,
 * and with the code of today, which says whether the workflow has changed since.
 */
import type { KitFile } from '../domain/audit.ts'
import { MusterError } from '../domain/failures.ts'
import type { ReplayAnswer } from '../domain/run-history.ts'
import type { AuditReader, FoundRun } from './audit-reader.ts'

export interface Replayer {
  /** Code of this installation, without its source map, and the folder that has its SDK. */
  today(): Promise<{ readonly code: string; readonly sdk: string; readonly bundle: Buffer; readonly root: string }>
  /** A folder that has the SDK of a kit. @throws MusterError PreconditionFailed where it cannot be installed */
  install(kit: { readonly sdk: string; readonly files: ReadonlyMap<KitFile['name'], Buffer> }): Promise<string>
  replay(request: { readonly root: string; readonly bundle: Buffer; readonly history: Buffer; readonly workflowId: string }): Promise<ReplayAnswer>
}

export interface ReplayedRun {
  readonly run: FoundRun
  readonly events: number
  /** With the code that decided it; null where that was not asked for. */
  readonly original: ({ readonly code: string; readonly muster: string; readonly node: string; readonly sdk: string } & ReplayAnswer) | null
  /** With the code of today; null where it is the same code and the same SDK. */
  readonly today: ({ readonly code: string; readonly sdk: string } & ReplayAnswer) | null
}

export interface ReplayDeps {
  readonly reader: AuditReader
  readonly replayer: Replayer
  readonly onProgress: (text: string) => void
  /** With the code of this installation alone. */
  readonly todayOnly: boolean
}

/** @throws MusterError ObjectMissing (no history, no kit), ChecksumMismatch, PreconditionFailed (SDK not to be had) */
export async function replayRun(deps: ReplayDeps, run: FoundRun): Promise<ReplayedRun> {
  const { reader, replayer, onProgress } = deps
  onProgress('reading the history')
  const history = await reader.history(run)
  const events = run.history?.events ?? 0
  const today = await replayer.today()
  const about = { history, workflowId: run.workflowId }
  const replayToday = async () => {
    onProgress('replaying with the code of today')
    return { code: today.code, sdk: today.sdk, ...(await replayer.replay({ ...about, root: today.root, bundle: today.bundle })) }
  }
  if (deps.todayOnly) return { run, events, original: null, today: await replayToday() }
  if (run.kit === null) {
    throw new MusterError('ObjectMissing', `the history of ${run.workflowId} does not say which code decided it`, {
      hint: 'replay it with the code of this installation: --today',
    })
  }
  const { kit, files } = await reader.kit(run.kit)
  const bundle = files.get('workflow-bundle.js') as Buffer
  const isSameSdk = kit.sdk === today.sdk
  if (!isSameSdk) onProgress(`installing version ${kit.sdk} of Temporal's SDK`)
  const root = isSameSdk ? today.root : await replayer.install({ sdk: kit.sdk, files })
  onProgress('replaying with the code that decided it')
  const original = { code: kit.code, muster: kit.muster, node: kit.node, sdk: kit.sdk, ...(await replayer.replay({ ...about, root, bundle })) }
  return { run, events, original, today: isSameSdk && today.code === kit.code ? null : await replayToday() }
}
