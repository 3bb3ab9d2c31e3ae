import { runCli } from '../wiring/cli.ts'

const exitCode = await runCli(process.argv)
await Promise.all([process.stdout, process.stderr].map(written))
// A connection that a silent machine has left half made would keep the prompt for minutes.
process.exit(exitCode)

/** Into a pipe, a long answer is on its way for as long as its reader takes. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
