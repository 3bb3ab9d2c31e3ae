/** Where the programs are that the set-up installed; a missing one names the command that installs it. */
import { access, constants, readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export function temporalPath(): Promise<string> {
  return findProgram('temporal')
}

export function s3ServerPath(): Promise<string> {
  return findProgram('versitygw')
}

/** The emulator of Amazon's services; in the folder of its Python environment. */
export function motoServerPath(): Promise<string> {
  return findProgram('moto_server', 'moto', 'bin')
}

/** The DNS server, which lies where only root's PATH leads. */
export function knotPath(): Promise<string> {
  return findProgram('knotd')
}

/** What gives a program another clock when it is loaded with it; its wrapper leaves semaphores behind. */
export async function faketimeLibrary(): Promise<string> {
  const folders = await readdir('/usr/lib')
  for (const folder of ['', ...folders.filter((name) => name.includes('-linux-'))]) {
    const path = join('/usr/lib', folder, 'faketime', 'libfaketimeMT.so.1')
    if (await isThere(path, constants.R_OK)) return path
  }
  throw new Error('libfaketime is not installed; run: npm run setup')
}

/** @param tool what its folder in the cache is named after; @param below where it lies in there */
async function findProgram(name: string, tool = name, below = '.'): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache'), 'muster', 'tools')
  const folders = (await readdir(cache).catch(() => [] as string[]))
    .filter((folder) => folder.startsWith(`${tool}-v`))
    .map((folder) => join(cache, folder, below))
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, name)
    if (await isThere(path, constants.X_OK)) return path
  }
  throw new Error(`${name} is not installed; run: npm run setup`)
}

function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
