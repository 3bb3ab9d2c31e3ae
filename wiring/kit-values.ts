/** The values of a recovery kit that are to be had on this machine. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GatheredValues } from '../clients/recovery-kits.ts'
import type { Config } from '../domain/config.ts'
import { configItem, kitItems } from '../domain/recovery-kit.ts'
import { keyFiles, type Places } from './places.ts'

const largestBytes = 65_536
/** muster.yaml may be larger; a configuration that is signed fits into a document. */
const largestConfigBytes = 400_000

export async function gatherKitValues(places: Places, config: Config, site: string): Promise<GatheredValues> {
  const values = new Map<string, Buffer>()
  const missing = new Map<string, string>()
  for (const item of kitItems(config, site)) {
    const found = await valueOf(places, item)
    if (typeof found === 'string') missing.set(item, found)
    else values.set(item, found)
  }
  return { values, missing }
}

/** @returns the value, or why it is not to be had */
async function valueOf(places: Places, item: string): Promise<Buffer | string> {
  if (item.startsWith('env:')) {
    const value = process.env[item.slice('env:'.length)]
    return value ? Buffer.from(value) : 'the variable is not set where muster apply ran'
  }
  return fileValue(kitFile(places, item), item === configItem ? largestConfigBytes : largestBytes)
}

/** Where an item lies on a machine that has it. */
export function kitFile(places: Places, item: string): string {
  if (item === configItem) return places.configFile
  if (item.startsWith('key:')) return join(places.keys, keyFiles.host(item.slice('key:'.length)))
  return item.slice('file:'.length)
}

/** As it is, with the line end at its end: what is put back is the same file. */
async function fileValue(path: string, mostBytes: number): Promise<Buffer | string> {
  try {
    const facts = await stat(path)
    if (!facts.isFile()) return `${path} is not a regular file`
    if (facts.size > mostBytes) return `${path} has ${facts.size} bytes, more than ${mostBytes}`
    const bytes = await readFile(path)
    return bytes.length > 0 ? bytes : `${path} is empty`
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? `${path} is not there` : `${path} cannot be read (${code})`
  }
}
