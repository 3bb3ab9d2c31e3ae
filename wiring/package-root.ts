/** Where this installation lies, and which version it is. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const musterVersion: string = versionOf(packageRoot())

/** Version of Muster that an installation is. */
export function versionOf(root: string): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
}

/** Folder of package.json, from the sources and from dist/ alike. */
export function packageRoot(): string {
  const here = new URL('..', import.meta.url).pathname.replace(/\/$/, '')
  return here.endsWith('/dist') ? here.slice(0, -'/dist'.length) : here
}
