/**
 * Interrupts code of this process before any call by which it changes the filesystem: as a crash, after which nothing
 * more happens, or as a freeze, which ends when the test says so.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import childProcess from 'node:child_process'
import fileSystem from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const changing = ['chmod', 'chown', 'link', 'mkdir', 'rename', 'rm', 'rmdir', 'writeFile'] as const

export class Crash extends Error {}

interface Watched {
  calls: number
  readonly crashes: boolean
  readonly at: number
  /** What happens at that call; every later one follows when it has thrown. */
  readonly interrupt: () => Promise<void> | void
}

const watched = new AsyncLocalStorage<Watched>()

/** @returns whether it came so far; what else was thrown is thrown */
export async function crashingAt(call: number, work: () => Promise<unknown>): Promise<{ readonly crashed: boolean }> {
  const crash = () => {
    throw new Crash(`crashed at call ${call}`)
  }
  const state: Watched = { calls: 0, at: call, crashes: true, interrupt: crash }
  try {
    await watched.run(state, work)
  } catch (error) {
    if (state.calls < call) throw error
  }
  return { crashed: state.calls >= call }
}

/** Work that stands still before a call until it is thawed. */
export function freezingAt(call: number, work: () => Promise<unknown>) {
  let thaw = () => {}
  let reach = (_reached: boolean) => {}
  const gate = new Promise<void>((resolve) => {
    thaw = resolve
  })
  const reached = new Promise<boolean>((resolve) => {
    reach = resolve
  })
  const interrupt = (): Promise<void> => {
    reach(true)
    return gate
  }
  const ended = watched.run({ calls: 0, at: call, crashes: false, interrupt }, work).then(
    () => 'done' as const,
    (error: Error) => error,
  )
  void ended.then(() => reach(false))
  return { reached, thaw: () => thaw(), ended }
}

/** Around the tests that use it. @returns what puts everything back */
export function watchChanges(): () => void {
  const originals = changing.map((name) => [name, fileSystem[name]] as const)
  const { spawn } = childProcess
  const target = fileSystem as unknown as Record<string, unknown>
  for (const [name, original] of originals) {
    target[name] = async (...args: unknown[]) => {
      await count()
      return (original as (...all: unknown[]) => Promise<unknown>)(...args)
    }
  }
  // A program cannot be held back here; one that was not started any more is a crash right before it.
  ;(childProcess as unknown as Record<string, unknown>)['spawn'] = (...args: unknown[]) => {
    const state = watched.getStore()
    if (state?.crashes) {
      state.calls += 1
      if (state.calls >= state.at) void state.interrupt()
    }
    return (spawn as (...all: unknown[]) => unknown)(...args)
  }
  syncBuiltinESMExports()
  return () => {
    for (const [name, original] of originals) target[name] = original
    ;(childProcess as unknown as Record<string, unknown>)['spawn'] = spawn
    syncBuiltinESMExports()
  }
}

async function count(): Promise<void> {
  const state = watched.getStore()
  if (!state) return
  state.calls += 1
  if (state.calls >= state.at) await state.interrupt()
}
