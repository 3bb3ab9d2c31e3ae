import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cache } from './places.mjs'
import { SetupError } from './progress.mjs'

const path = join(cache, 'setup.lock')
const waitMinutes = 30

/**
 * One set-up at a time per user: both would build the same tools. Waits for the other one; what a killed
 * one left is taken over. Gives back the function that releases it.
 */
export async function takeLock(progress) {
  const mine = `${process.pid} ${startTicks(process.pid)}`
  const draft = `${path}.${process.pid}`
  try {
    mkdirSync(cache, { recursive: true })
    writeFileSync(draft, mine)
  } catch (error) {
    throw new SetupError('cache', `cannot write to ${cache} (${error.code})`, ['export XDG_CACHE_HOME=DIRECTORY'])
  }
  try {
    const deadline = Date.now() + waitMinutes * 60_000
    for (let told = false; !tryLink(draft); told = true) {
      const holder = readHolder()
      if (holder !== undefined && !isAlive(holder)) {
        takeAway(holder)
        continue
      }
      if (Date.now() > deadline) {
        throw new SetupError('lock', `another set-up (process ${holder}) has not ended in ${waitMinutes} min`, [])
      }
      if (!told) progress.note('waiting for another set-up')
      await sleep(200)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  const release = () => {
    if (readHolder() === mine) rmSync(path, { force: true })
  }
  process.once('exit', release)
  return release
}

function tryLink(draft) {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function readHolder() {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The lock of a dead set-up, and not the one that someone else has put there since. */
function takeAway(holder) {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
    if (readFileSync(aside, 'utf8') !== holder) linkSync(aside, path)
  } catch {
    // somebody else was faster; the next look tells
  }
  rmSync(aside, { force: true })
}

function isAlive(holder) {
  const [pid, ticks] = holder.split(' ')
  return startTicks(pid) === ticks
}

/** Tells a process from another one that got its number; undefined where it does not run. */
function startTicks(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
