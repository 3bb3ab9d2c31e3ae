import { readFileSync, readdirSync } from 'node:fs'

/** The fields of /proc/<pid>/stat that this room needs. */
export interface ProcStat {
  readonly pid: number
  readonly command: string
  /** Z and X are the dead that nobody has reaped. */
  readonly state: string
  readonly parentPid: number
  readonly groupId: number
  readonly startTicks: string
}

/** One process, or null when there is none of that number. Zombies are returned. */
export function readProcStat(pid: number): ProcStat | null {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
  // The command is in parentheses and may itself contain any of " ()": count from the last one.
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const rest = text.slice(close + 2).split(' ')
  const [state, parent, group] = rest
  const startTicks = rest[19]
  if (state === undefined || parent === undefined || group === undefined || startTicks === undefined) return null
  return {
    pid,
    command: text.slice(open + 1, close),
    state,
    parentPid: Number(parent),
    groupId: Number(group),
    startTicks,
  }
}

/** Whether the process still does anything: a zombie does not. */
export function isAlive(stat: ProcStat): boolean {
  return stat.state !== 'Z' && stat.state !== 'X'
}

/** The numbers of all processes of this host, as far as /proc shows them. */
export function listPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
}
