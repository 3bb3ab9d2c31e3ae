/** `bin/muster` as a person types it, built, in a process of its own, beside what the test runs in this one. */
import { type ChildProcess, spawn } from 'node:child_process'
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, Connection } from '@temporalio/client'
import type { Places } from '../../wiring/places.ts'
import { waitFor } from './rig.ts'

export interface Typed {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Typing {
  /** Everything that it has said so far, on both streams. */
  said(): string
  readonly ended: Promise<Typed>
}

export interface Muster {
  start(...words: string[]): Typing
  /** To its end. */
  run(...words: string[]): Promise<Typed>
  /** To its end, which must be a good one. @returns what it said on stdout */
  good(...words: string[]): Promise<string>
  /**
   * Starts it, and answers for a second person: approves each plan that it waits with, under that name.
   * @returns what it came to; an exit code other than the expected one fails
   */
  approved(by: string, exitCode: number, ...words: string[]): Promise<Typed>
  /** At a terminal: each question is waited for, and answered. @returns everything that was shown, and the exit code */
  atTerminal(
    words: readonly string[],
    answers: readonly (readonly [question: RegExp, answer: string])[],
  ): Promise<{ readonly shown: string; readonly exitCode: number | null }>
  /** Ends what still runs. */
  stop(): void
}

/** Of the longest sequence, on a machine that others use as well. */
const patienceMs = 150_000

export function typedMuster({ configFile, home, keys }: Places, client: Client, { user = 'alice', address = addressOf(client) } = {}): Muster {
  const running = new Set<ChildProcess>()
  const program = new URL('../../bin/muster', import.meta.url).pathname
  const spawned = (command: string, args: readonly string[]) =>
    spawn(command, args, {
      env: { ...process.env, TEMPORAL_ADDRESS: address, MUSTER_CONFIG: configFile, MUSTER_HOME: home, MUSTER_KEYS: keys, MUSTER_USER: user },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  const start = (...words: string[]): Typing => {
    const child = spawned(program, words)
    child.stdin.end()
    running.add(child)
    const said = { all: '', stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        said[name] += chunk.toString('utf8')
        said.all += chunk.toString('utf8')
      })
    }
    const ended = new Promise<Typed>((resolve) =>
      child.once('close', (exitCode) => {
        running.delete(child)
        resolve({ exitCode, stdout: said.stdout, stderr: said.stderr })
      }),
    )
    return { said: () => said.all, ended }
  }
  const run = (...words: string[]) => start(...words).ended
  return {
    start,
    run,
    async good(...words) {
      const { exitCode, stdout, stderr } = await run(...words)
      assert.equal(exitCode, 0, `muster ${words.join(' ')}\n${stdout}\n${stderr}`)
      return stdout
    },
    async approved(by, expected, ...words) {
      const typing = start(...words)
      let ended = false
      void typing.ended.then(() => (ended = true))
      const answered = new Set<string>()
      for (const deadline = Date.now() + patienceMs; !ended; await sleep(100)) {
        if (Date.now() > deadline) assert.fail(`muster ${words.join(' ')} has not ended:\n${typing.said()}\n${await whereItIs(client)}`)
        const hash = await planThatWaits(client)
        if (hash !== null && !answered.has(hash)) {
          answered.add(hash)
          const { exitCode, stderr } = await run('approve', hash.slice(0, 12), '--as', by)
          assert.equal(exitCode, 0, stderr)
        }
      }
      const typed = await typing.ended
      assert.equal(typed.exitCode, expected, `muster ${words.join(' ')}\n${typed.stdout}\n${typed.stderr}`)
      return typed
    },
    async atTerminal(words, answers) {
      const line = [program, ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
      const child = spawned('script', ['-qefc', line, '/dev/null'])
      running.add(child)
      let shown = ''
      child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')))
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
      let from = 0
      for (const [question, answer] of answers) {
        const asked = () => question.exec(shown.slice(from))
        await waitFor(String(question), async () => asked() !== null, 60).catch(() => assert.fail(`${String(question)} was not asked:\n${shown}`))
        from = shown.length
        child.stdin.write(`${answer}\n`)
      }
      const exitCode = await ended
      running.delete(child)
      return { shown, exitCode }
    },
    stop() {
      for (const child of running) child.kill('SIGKILL')
    },
  }
}

function addressOf({ connection }: Client): string {
  return connection instanceof Connection ? (connection.options.address ?? '') : ''
}

/** Phase, and what is tried again, for whoever reads why a test has failed. */
async function whereItIs(client: Client): Promise<string> {
  const found = await client.workflow
    .getHandle('target/shop')
    .describe()
    .catch(() => null)
  const pending = (found?.raw.pendingActivities ?? []).map((one) => `${one.activityType?.name} attempt ${one.attempt}: ${one.lastFailure?.message ?? ''}`)
  return [`target/shop: ${found?.status.name}, ${String(found?.memo?.['phase'])}`, ...pending].join('\n')
}

/** Null where the system's run waits for nobody, or there is none. */
async function planThatWaits(client: Client): Promise<string | null> {
  const found = await client.workflow
    .getHandle('target/shop')
    .describe()
    .catch(() => null)
  const waits = found?.status.name === 'RUNNING' && found.memo?.['phase'] === 'waiting for approval'
  return waits ? String(found.memo?.['plan']) : null
}
