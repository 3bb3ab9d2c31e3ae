/** Single values of muster.yaml, made uniform. */
import type { YesOrNo } from './schema-values.ts'

export function isYes(value: YesOrNo): boolean {
  return value === true || value === 'yes'
}

/** A path as the system sees it: no doubled slash, none at the end. */
export function plainPath(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}

/** The written host, or the only one; with several, which one must be said. */
export function oneHost(written: string | undefined, hosts: readonly string[], what: string, report: (message: string) => void): string {
  if (written !== undefined) return written
  if (hosts.length > 1) report(`missing "host": there are several hosts (${hosts.join(', ')}); say on which of them ${what} lives`)
  return hosts[0] ?? ''
}
