/** The command line `muster`: one verb per file. */
import { Command, Option } from 'commander'
import { failures } from '../../domain/failures.ts'
import { addApprove, addCancel, addResume, addWatch } from './answer.ts'
import { addArchiveWal, addBackup } from './backup.ts'
import type { Desk } from './desk.ts'
import { addDoctor } from './doctor.ts'
import { addInit } from './init.ts'
import { addList } from './list.ts'
import { addLs } from './ls.ts'
import { addRepository } from './repository.ts'
import { addRestore } from './restore.ts'
import { addApply, addUp, addWorker } from './run.ts'
import { addStatus } from './status.ts'

export interface Globals {
  config: string
  json: boolean
  debug: boolean
}

export function createProgram(desk: () => Desk, globals: Globals): Command {
  const program = new Command('muster')
    .description('disaster recovery that has been rehearsed')
    .option('-c, --config <file>', 'muster.yaml', globals.config)
    .option('--json', 'one JSON document instead of text')
    .addOption(new Option('--debug', 'stacks of errors'))
    .exitOverride()
    .showHelpAfterError('(muster help shows all verbs)')
  program.hook('preAction', (_, action) => {
    const { config, json, debug } = action.optsWithGlobals<Partial<Globals>>()
    Object.assign(globals, { config: config ?? globals.config, json: json ?? false, debug: debug ?? false })
  })
  for (const add of [
    addInit,
    addDoctor,
    addUp,
    addWorker,
    addApply,
    addBackup,
    addArchiveWal,
    addList,
    addLs,
    addRestore,
    addApprove,
    addStatus,
    addWatch,
    addResume,
    addCancel,
    addRepository,
  ]) {
    add(program, desk)
  }
  program
    .command('exit-codes')
    .description('what each exit code means')
    .action(() => {
      const rows = Object.entries(failures).map(([type, { exitCode, hint }]) => ({ exitCode, type, hint }))
      desk().out.result(rows, () => {
        for (const { exitCode, type, hint } of rows) desk().out.line(`${String(exitCode).padStart(3)}  ${type.padEnd(26)} ${hint}`)
      })
    })
  for (const command of program.commands) command.exitOverride()
  return program
}
