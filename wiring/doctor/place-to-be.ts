/** The place of a component that would be restored to this host. */
import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { freeBytesAt } from '../../activities/free-bytes.ts'
import type { Config, FilesComponentConfig } from '../../domain/config.ts'
import { formatSize } from '../../domain/durations.ts'
import type { Findings } from './findings.ts'
import type { NewestBackup } from './newest-backups.ts'

/** A component as it would be on this host, and what it would be restored from; null before the first backup. */
export interface ToBe {
  readonly about: string
  /** The configuration with the system as it is there. */
  readonly config: Config
  readonly system: string
  readonly component: string
  readonly newest: NewestBackup | null
}

/** Where nothing is, its folder is made; the nearest one that is there has to allow that. */
export async function examinePlaceToBe(
  findings: Findings,
  { about, newest }: ToBe,
  path: string,
  { paths }: Pick<FilesComponentConfig, 'paths'>,
): Promise<void> {
  const folder = await nearest(dirname(path))
  const mayWrite = await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
  if (!mayWrite)
    findings.problem(about, `nothing can be restored to ${path}: the agent may not write in ${folder}`, 'give the agent the right to, or correct the path')
  const free = await freeBytesAt(path)
  const needed = newest === null ? null : newest.manifest.type === 'files' ? newest.manifest.files.dataSizeBytes : newest.manifest.postgresql.dataSizeBytes
  // Paths of a tree may share a disk, and are known only together.
  if (needed !== null && free < needed)
    findings.problem(
      about,
      `${formatSize(free)} are free at ${path}, and the newest backup has ${formatSize(needed)}`,
      'make room: the failover would be refused',
    )
  else if (mayWrite) findings.ok(about, `${formatSize(free)} free at ${path}${needed === null || paths.length > 1 ? '' : ` for ${formatSize(needed)}`}`)
}

async function nearest(path: string): Promise<string> {
  const there = await stat(path).catch(() => null)
  return there || path === dirname(path) ? path : nearest(dirname(path))
}
