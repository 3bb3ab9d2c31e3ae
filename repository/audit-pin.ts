/**
 * What the host that writes a chain remembers of it, on its own disk: a chain that was cut in all stores at once is
 * still known to have been longer.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { AuditHead } from '../domain/audit.ts'

export interface AuditPin extends AuditHead {
  /** Newest record that each store had. */
  readonly stores: Readonly<Record<string, number>>
}

export function auditPinFile(hostDirectory: string, site: string): string {
  return join(hostDirectory, 'audit', `${site}.json`)
}

/** Null where there is none, or none that can be read: it is one witness of several. */
export async function readPin(file: string): Promise<AuditPin | null> {
  try {
    const pin = JSON.parse(await readFile(file, 'utf8')) as Partial<AuditPin>
    const { site, sequence, sha256, stores = {} } = pin
    return typeof site === 'string' && typeof sequence === 'number' && typeof sha256 === 'string' ? { site, sequence, sha256, stores } : null
  } catch {
    return null
  }
}

export async function writePin(file: string, pin: AuditPin): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}`
  await writeFile(temporary, JSON.stringify(pin), { mode: 0o600, flush: true })
  await rename(temporary, file)
}
