import { runCli } from '../wiring/cli.ts'

process.exitCode = await runCli(process.argv)
