import { hostname } from 'node:os'
import type { Command } from 'commander'
import type { Desk } from './desk.ts'

interface InitOptions {
  readonly organisation: string
  readonly system: string
  readonly store?: string
  readonly path: readonly string[]
  readonly dataDirectory?: string
  readonly force?: boolean
}

export function addInit(program: Command, desk: () => Desk): void {
  program
    .command('init')
    .description('make keys, and a muster.yaml for this machine; what is there is kept')
    .option('--organisation <name>', 'name of the organisation', hostname())
    .option('--system <name>', 'what the business calls what is protected', 'main')
    .option('--store <directory>', 'where the first copies go; outside of what is protected')
    .option('--path <directory...>', 'trees of files to protect', [])
    .option('--data-directory <directory>', 'of the PostgreSQL server to protect, where several are found')
    .option('--force', 'write muster.yaml anew; the old one is kept beside it')
    .action(async (options: InitOptions) => {
      const { out, init } = desk()
      const result = await init({
        organisation: options.organisation,
        system: options.system,
        store: options.store ?? null,
        paths: options.path,
        force: options.force ?? false,
        dataDirectory: options.dataDirectory ?? null,
      })
      out.result(result, () => {
        for (const file of result.created) out.line(`made  ${file}`)
        if (result.created.length === 0) out.line('nothing was made: everything was there')
        out.line(`root fingerprint  ${result.rootFingerprint}`)
        out.line()
        for (const note of result.notes) out.line(note.startsWith(' ') ? `  ${note}` : `· ${note}`)
        out.line()
        out.line('  → muster doctor     then: muster up')
      })
    })
}
