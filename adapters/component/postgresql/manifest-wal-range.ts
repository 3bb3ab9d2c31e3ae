import { open } from 'node:fs/promises'
import { MusterError } from '../../../domain/failures.ts'
import { parseLsn } from '../../../domain/wal.ts'

export interface BackupWalRange {
  readonly timelineId: number
  readonly startLsn: string
  readonly endLsn: string
}

/** The ranges stand at the end of a manifest, which itself may be hundreds of megabytes long. */
const tailBytes = 64 * 1024

/**
 * The WAL that a base backup needs to become consistent, from PostgreSQL's `backup_manifest`.
 * @throws MusterError ManifestInvalid
 */
export async function readWalRange(path: string): Promise<BackupWalRange> {
  return parseWalRange(await readTail(path))
}

/** @throws MusterError ManifestInvalid */
export function parseWalRange(manifestTail: string): BackupWalRange {
  const list = /"WAL-Ranges":\s*(\[[^\]]*\])/.exec(manifestTail)?.[1]
  const ranges = list === undefined ? [] : (JSON.parse(list) as Record<string, unknown>[])
  const read = ranges.map((range) => ({
    timelineId: Number(range['Timeline']),
    startLsn: String(range['Start-LSN']),
    endLsn: String(range['End-LSN']),
  }))
  // A standby that followed a promotion while it was copied has one range for each timeline.
  const ordered = read.sort((a, b) => (parseLsn(a.startLsn) < parseLsn(b.startLsn) ? -1 : 1))
  const [first, last] = [ordered[0], ordered.at(-1)]
  if (first === undefined || last === undefined || !Number.isInteger(last.timelineId)) {
    throw new MusterError('ManifestInvalid', 'backup_manifest does not say which WAL the base backup needs')
  }
  return { timelineId: last.timelineId, startLsn: first.startLsn, endLsn: last.endLsn }
}

async function readTail(path: string): Promise<string> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.alloc(Math.min(size, tailBytes))
    await handle.read(buffer, 0, buffer.length, size - buffer.length)
    return buffer.toString('utf8')
  } finally {
    await handle.close()
  }
}
