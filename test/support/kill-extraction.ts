import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Kills, with SIGKILL, the tar that extracts into a directory, as soon as a file has appeared there. @returns whether there was one to kill */
export async function killExtraction(directory: string, file: string, ended: AbortSignal): Promise<boolean> {
  while (!existsSync(file)) {
    if (ended.aborted) return false
    await sleep(1)
  }
  const found = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isTarIn(pid, realpathSync(directory)))
  for (const pid of found) process.kill(Number(pid), 'SIGKILL')
  return found.length > 0
}

function isTarIn(pid: string, directory: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'tar' && readlinkSync(`/proc/${pid}/cwd`) === directory
  } catch {
    return false
  }
}
