/**
 * A machine of its own for a test that needs real system paths and default ports: namespaces for mounts, network and
 * processes, with empty directories where the system's would be. Nothing of the real machine is seen or touched, and
 * everything that runs in it ends with it. An ordinary user gets one by a user namespace and stays who they are in it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { InsideAnswer, InsideRequest } from './own-machine-inside.ts'

export interface Ran {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface OwnMachine {
  /** Runs a program to its end. */
  run(argv: readonly string[], options?: MachineOptions): Promise<Ran>
  /** Runs a program beside: what it has said so far, its end, and a way to interrupt it like Ctrl-C. */
  start(argv: readonly string[], options?: MachineOptions): BesideIt
  destroy(): Promise<void>
}

export interface MachineOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface BesideIt {
  readonly said: () => string
  readonly ended: Promise<Ran>
  interrupt(): void
}

/** What is empty in it; everything else is the real machine's, as far as the user may write there. */
const ownDirectories = ['var/lib', 'srv', 'run', 'tmp'] as const

/** @param prepare shell lines that run in it first, with the right to mount */
export async function createOwnMachine(prepare: readonly string[] = []): Promise<OwnMachine> {
  const base = await mkdtemp(join(tmpdir(), 'muster-machine-'))
  await chmod(base, 0o755)
  for (const name of ownDirectories) await mkdir(join(base, name), { recursive: true })
  await chmod(join(base, 'tmp'), 0o1777)
  const inside = spawn(
    'unshare',
    [...namespaces(), 'sh', '-c', setUp(prepare), 'sh', base, process.execPath, new URL('own-machine-inside.ts', import.meta.url).pathname],
    {
      cwd: new URL('../..', import.meta.url).pathname,
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  return talkTo(inside, base)
}

function namespaces(): readonly string[] {
  const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user']
  return [...user, '--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child']
}

/** The shell stays the first process, since the first process reaps what others leave. */
function setUp(prepare: readonly string[]): string {
  const mounts = ownDirectories.map((name) => `mount --bind "$1/${name}" "/${name}"`)
  const self = process.geteuid?.() === 0 ? '' : `unshare --user --map-user=${process.getuid?.()} --map-group=${process.getgid?.()} `
  return ['set -e', 'ip link set lo up', ...mounts, ...prepare, `${self}"$2" --import tsx "$3"`, 'exit'].join('\n')
}

function talkTo(inside: ChildProcess, base: string): OwnMachine {
  const ended = new Promise<void>((resolve) => inside.once('exit', () => resolve()))
  const waiting = new Map<number, { said: string; answer: (ran: Ran) => void }>()
  let number = 0
  createInterface({ input: inside.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const told = JSON.parse(line) as InsideAnswer
    const one = waiting.get(told.id)
    if (!one) return
    if ('said' in told) one.said += told.said
    else one.answer(told)
  })
  void ended.then(() => {
    for (const one of waiting.values()) one.answer({ exitCode: null, stdout: '', stderr: `the machine ended\n${one.said}` })
  })
  const send = (request: InsideRequest) => (inside.stdin as NodeJS.WritableStream).write(`${JSON.stringify(request)}\n`)
  const start: OwnMachine['start'] = (argv, options = {}) => {
    const id = (number += 1)
    const one = { said: '', answer: (_ran: Ran): void => undefined }
    const end = new Promise<Ran>((resolve) => {
      one.answer = (ran) => {
        waiting.delete(id)
        resolve(ran)
      }
    })
    waiting.set(id, one)
    send({ id, argv, env: options.env ?? {}, cwd: options.cwd ?? '/' })
    return { said: () => one.said, ended: end, interrupt: () => void send({ id, interrupt: true }) }
  }
  return {
    start,
    run: (argv, options) => start(argv, options).ended,
    async destroy() {
      inside.stdin?.end()
      inside.kill('SIGKILL')
      await ended
      // An overlay leaves a directory that only root can enter as it is.
      await runTool('chmod', ['-R', 'u+rwX', base])
      await rm(base, { recursive: true, force: true })
    },
  }
}
