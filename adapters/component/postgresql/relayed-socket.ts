import { Duplex } from 'node:stream'
import type { RunningTool } from '../../process/process.ts'
import { startTool } from '../../process/run-tool.ts'

/** Given on the command line, since the other user need not be able to read the files of this program. */
const relay = `
const socket = require('node:net').connect(process.argv[1])
socket.on('connect', () => { process.stdin.pipe(socket); socket.pipe(process.stdout) })
socket.on('error', (error) => { process.stderr.write(error.code ?? error.message); process.exit(1) })
socket.on('close', () => process.exit(0))
`

/**
 * A Unix socket that another operating-system user opens. The kernel tells a server who called `connect`, and that is
 * what peer authentication goes by; so a small process makes the call as that user and hands the bytes on. It ends with
 * the socket and with the agent.
 */
export class RelayedSocket extends Duplex {
  private readonly user: string
  private tool: RunningTool | undefined

  constructor(user: string) {
    super()
    this.user = user
  }

  connect(path: string): this {
    try {
      this.tool = startTool(process.execPath, ['-e', relay, path], { runAs: this.user, stdout: 'stream', explainFailure: whyNot })
    } catch (error) {
      this.destroy(error as Error)
      return this
    }
    this.tool.stdin.on('error', () => {})
    this.tool.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.tool?.stdout.pause()
    })
    this.tool.stdout.on('end', () => this.push(null))
    this.tool.stdout.on('error', (error) => this.destroy(error))
    // Whether anybody is there shows with the first answer; until then what is written waits in the pipe.
    process.nextTick(() => this.emit('connect'))
    return this
  }

  override _read(): void {
    this.tool?.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.tool?.stdin.write(chunk, () => done())
  }

  override _final(done: (error?: Error | null) => void): void {
    this.tool?.stdin.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.tool?.end()
    done(error)
  }

  /** What a client asks of a socket and a pipe cannot give. */
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}

/** The code of the failed connect, as a socket of the agent's own would have told it. */
function whyNot(exit: { readonly stderrTail: string }): Error | undefined {
  const code = /^E[A-Z]+$/.exec(exit.stderrTail.trim())?.[0]
  return code === undefined ? undefined : Object.assign(new Error(`connect ${code}`), { code })
}
