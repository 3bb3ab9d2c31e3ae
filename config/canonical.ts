/** The text of a configuration that is signed, and the hash by which plans and schedules name it. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { Config } from '../domain/config.ts'

/** Canonical JSON: the same configuration gives the same text, whatever the order of its keys was. */
export function configText(config: Config): string {
  return canonicalJson(config)
}

/** SHA-256 of `configText`, 64 lower-case hex digits. */
export function configHash(config: Config): string {
  return createHash('sha256').update(configText(config), 'utf8').digest('hex')
}
