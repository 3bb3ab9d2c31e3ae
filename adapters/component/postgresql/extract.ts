import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../../domain/failures.ts'
import { startTool } from '../../process/run-tool.ts'
import type { ObjectSource } from '../component.ts'
import { counted } from './counted-stream.ts'
import { orDestroy } from './or-destroy.ts'

export interface ExtractOrder {
  readonly role: string
  readonly directory: string
  readonly user: string | undefined
  readonly signal: AbortSignal
  readonly label: string | undefined
  readonly onBytes: (bytes: number) => void
}

/** A source whose reader has gone settles soon; one that does not must not hold up the failure. */
const sourceGraceMs = 5000

/**
 * Extracts one compressed archive of a backup. Decompression is a child of tar: uncompressed bytes do not pass
 * through the agent. Owners become the extracting user.
 */
export async function extractArchive(source: ObjectSource, order: ExtractOrder): Promise<void> {
  const { plain, done } = source.open(order.role)
  const whole = settled(done)
  // Where tar cannot be started nobody would ever read the source.
  const tool = orDestroy(plain, () =>
    startTool('tar', tarArguments(order.directory), {
      stdin: counted(plain, order.onBytes),
      stdout: 'discard',
      signal: order.signal,
      ...(order.user === undefined ? {} : { runAs: order.user }),
      ...(order.label === undefined ? {} : { label: order.label }),
    }),
  )
  const toolError = await settled(tool.done)
  const sourceError = await (toolError === undefined ? whole : Promise.race([whole, sleep(sourceGraceMs, undefined, { ref: false })]))
  const error = reason(order.directory, toolError, sourceError)
  if (error !== undefined) throw error instanceof Error ? error : new Error('the archive could not be extracted', { cause: error })
}

function tarArguments(directory: string): readonly string[] {
  return [
    '--extract',
    '--file=-',
    '--use-compress-program=zstd',
    `--directory=${directory}`,
    '--no-same-owner',
    '--preserve-permissions',
    '--delay-directory-restore',
    '--warning=no-timestamp',
  ]
}

async function settled(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error ?? new Error('failed without a reason'),
  )
}

/**
 * When bytes are wrong both sides complain, and the source knows why; when the disk is full, or the work was
 * cancelled, both complain as well, and tar knows why.
 */
function reason(directory: string, toolError: unknown, sourceError: unknown): unknown {
  if (toolError instanceof MusterError && /No space left on device|Disk quota exceeded/.test(toolError.message)) {
    return new MusterError('DiskFull', `no space left to restore into ${directory}`, { cause: toolError })
  }
  if (toolError instanceof MusterError && toolError.type === 'Cancelled') return toolError
  if (sourceError instanceof MusterError && sourceError.type !== 'Cancelled') return sourceError
  return toolError ?? sourceError
}
