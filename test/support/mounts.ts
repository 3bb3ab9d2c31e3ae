/** Filesystems in memory for tests: small ones, read-only ones, and places that are mount points. */
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { runTool } from '../../adapters/process/run-tool.ts'
import { mountServerVariable } from './ordinary-user.ts'

export interface Mount {
  readonly path: string
  remount(option: 'ro' | 'rw'): Promise<void>
  /** Also where something still has it open; without complaint where it is gone. */
  unmount(): Promise<void>
}

/** @param options as `mount -o` takes them, beside the size */
export async function mountTmpfs(path: string, sizeMegabytes: number, options = 'mode=0700'): Promise<Mount> {
  await mkdir(path, { recursive: true })
  await asMounter('mount', '-t', 'tmpfs', '-o', `size=${sizeMegabytes}m,${options}`, 'muster-test', path)
  return {
    path,
    // With its source named, only this option is given: the present ones need not be understood in a namespace.
    remount: (option) => asMounter('mount', '-o', `remount,${option}`, 'muster-test', path),
    unmount: () => asMounter('umount', '--lazy', '--quiet', path),
  }
}

/** Root mounts; an ordinary user asks whom the run was started by (ordinary-user.ts). */
async function asMounter(program: 'mount' | 'umount', ...args: readonly string[]): Promise<void> {
  const server = process.env[mountServerVariable]
  if (server === undefined) return void (await runTool(program, args, { okExitCodes: program === 'mount' ? [0] : [0, 1, 32] }))
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    const socket = connect(server, () => socket.write(`${JSON.stringify([program, ...args])}\n`))
    socket.setEncoding('utf8').on('data', (said: string) => (text += said))
    socket.once('end', () => resolve(text)).once('error', reject)
  })
  if (answer !== '' && program === 'mount') throw new Error(`mount ${args.join(' ')}: ${answer}`)
}
