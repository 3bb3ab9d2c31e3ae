/**
 * Asks a file system that may hang, as a hard NFS mount does whose server is gone: what waits for it holds a thread, for good,
 * and this process has four. So one question is asked at a time, and who owes an answer is not asked again until it has answered.
 */
import { readFileSync } from 'node:fs'
import { MusterError } from '../../domain/failures.ts'
import { networkSourceIn } from './mount-source.ts'

export interface Answering {
  /**
   * @param what such as `looking for /srv/nas/a`
   * @param discard what to do with an answer that came when nobody waited for it any more
   * @throws MusterError Unreachable after the limit, and at once while an earlier answer is owed; what `call` throws
   */
  ask<T>(what: string, call: () => Promise<T>, discard?: (late: T) => unknown): Promise<T>
}

export function createAnswering(path: string, answerSeconds: number): Answering {
  let asked: Asked | null = null
  let owes = false
  let waiting: (() => void)[] = []
  const wakeAll = () => {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }
  const answered = () => {
    asked = null
    owes = false
    waiting.shift()?.()
  }
  const isLate = () => {
    owes = true
    wakeAll()
  }
  return {
    async ask(what, call, discard = () => undefined) {
      while (asked !== null) {
        if (owes) throw notAnswering(path, asked)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
      const mine: Asked = { what, since: new Date() }
      asked = mine
      const answer = call().finally(answered)
      return limited(answer, answerSeconds, discard, () => {
        isLate()
        return notAnswering(path, mine)
      })
    },
  }
}

interface Asked {
  readonly what: string
  readonly since: Date
}

async function limited<T>(answer: Promise<T>, seconds: number, discard: (late: T) => unknown, late: () => MusterError): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(late())
      answer.then(discard).catch(() => undefined)
    }, seconds * 1000)
  })
  try {
    return await Promise.race([answer, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

function notAnswering(path: string, { what, since }: Asked): MusterError {
  const source = sourceOf(path)
  const place = source === null ? path : `${path} (${source})`
  return new MusterError('Unreachable', `the file system at ${place} has not answered since ${since.toISOString()}: ${what}`, {
    hint: `look at the disk or file server of ${path}, or take it away with: umount --force --lazy ${path}; it is asked again as soon as it has answered`,
  })
}

/** Read at once: a thread for it may not be left. */
function sourceOf(path: string): string | null {
  try {
    return networkSourceIn(readFileSync('/proc/self/mountinfo', 'utf8'), path)
  } catch {
    return null
  }
}
