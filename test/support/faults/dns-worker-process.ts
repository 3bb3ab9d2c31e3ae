/** Starts workers that are lost, or freeze, at one moment of a change of DNS. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface DnsWorker {
  readonly process: ChildProcess
  go(): Promise<void>
  readonly ended: Promise<string | number | null>
  end(): Promise<void>
}

/** @param order what `dns-worker.ts` is told, as JSON */
export async function spawnDnsWorker(order: string, fault: string): Promise<DnsWorker> {
  const script = new URL('./dns-worker.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, MUSTER_FAULT: fault, MUSTER_FAULT_ORDER: order, MUSTER_LOG: 'fatal' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const said: string[] = []
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')))
  const ended = new Promise<string | number | null>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  const hears = async (word: string) => {
    for (let tries = 0; !said.join('').includes(word); tries++) {
      if (tries > 600 || child.exitCode !== null) throw new Error(`the worker did not say "${word}": ${said.join('')}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await hears('ready')
  return {
    process: child,
    ended,
    async go() {
      child.stdin?.write('go\n')
      await hears('polling')
    },
    async end() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}
