import { runCli } from '../wiring/cli.ts'

// A connection that a silent machine has left half made would keep the prompt for minutes.
process.exit(await runCli(process.argv))
