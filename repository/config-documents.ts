/**
 * A configuration on its way to an agent: the signed documents themselves, so that the agent believes nobody but
 * the fingerprint that it holds. Packed, it fits into the input of a run.
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import { MusterError } from '../domain/failures.ts'
import { documentLimitBytes } from './signed-document.ts'

export interface ConfigDocuments {
  /** The whole chain, first to last. */
  readonly keyLists: readonly Buffer[]
  /** The record that says which configuration was applied, as the how manieth. */
  readonly applied: Buffer
  readonly config: Buffer
}

export function packDocuments({ keyLists, applied, config }: ConfigDocuments): string {
  const text = (bytes: Buffer) => bytes.toString('utf8')
  return gzipSync(JSON.stringify({ keyLists: keyLists.map(text), applied: text(applied), config: text(config) }), { level: 9 }).toString('base64')
}

/** Says nothing about whether they are to be believed. @throws MusterError InvalidInput */
export function unpackDocuments(packed: string): ConfigDocuments {
  let found: unknown
  try {
    found = JSON.parse(gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: 4 * documentLimitBytes }).toString('utf8'))
  } catch (cause) {
    throw new MusterError('InvalidInput', 'the documents of the configuration cannot be unpacked', {
      cause,
      hint: 'leave them out: then the agent reads a store',
    })
  }
  const { keyLists, applied, config } = found as Partial<Record<string, unknown>>
  if (!Array.isArray(keyLists) || ![...keyLists, applied, config].every((one) => typeof one === 'string')) {
    throw new MusterError('InvalidInput', 'the documents of the configuration are not key lists, a record and a configuration')
  }
  return { keyLists: (keyLists as string[]).map((one) => Buffer.from(one)), applied: Buffer.from(applied as string), config: Buffer.from(config as string) }
}
