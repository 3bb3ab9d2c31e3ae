/**
 * Lets this process "die" before its n-th change to the disk: that call and all later ones throw. What a kill can leave
 * half done is left half done: a file written in part, a directory removed in part.
 */
import { readdir } from 'node:fs/promises'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'

export class Crash extends Error {}

const changing = ['appendFile', 'chmod', 'chown', 'mkdir', 'rename', 'rm', 'writeFile'] as const
type Changing = (typeof changing)[number]
type Anything = (...args: unknown[]) => Promise<unknown>

/** @returns whether the work was cut off */
export async function crashBefore(change: number, work: () => Promise<unknown>): Promise<boolean> {
  const table = promises as unknown as Record<Changing, Anything>
  const real = Object.fromEntries(changing.map((name) => [name, table[name]])) as Record<Changing, Anything>
  let count = 0
  for (const name of changing) {
    table[name] = async (...args) => {
      count += 1
      if (count < change) return real[name](...args)
      if (count === change) await leaveHalf(real, name, args)
      throw new Crash(`killed before ${name} ${String(args[0])}`)
    }
  }
  syncBuiltinESMExports()
  try {
    await work()
    return false
  } catch (error) {
    if (count < change) throw error
    return true
  } finally {
    Object.assign(table, real)
    syncBuiltinESMExports()
  }
}

async function leaveHalf(real: Record<Changing, Anything>, name: Changing, args: readonly unknown[]): Promise<void> {
  const [path, text] = args as [string, unknown]
  if (name === 'writeFile') await real.writeFile(path, String(text).slice(0, 3))
  if (name !== 'rm') return
  const [first] = await readdir(path).catch(() => [])
  if (first !== undefined) await real.rm(join(path, first), { recursive: true })
}
