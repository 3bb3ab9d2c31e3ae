/** The command line `muster`: one verb per file. */
import { Command, Option } from 'commander'
import { failures } from '../../domain/failures.ts'
import { addCancel, addResume, addWatch } from './answer.ts'
import { addApprove } from './approve.ts'
import { addAudit } from './audit.ts'
import { addArchiveWal, addBackup } from './backup.ts'
import type { Desk } from './desk.ts'
import { addDiverged } from './diverged.ts'
import { addDoctor } from './doctor.ts'
import { addDrill } from './drill.ts'
import { addFence } from './fence.ts'
import { addGuard } from './guard.ts'
import { addInit } from './init.ts'
import { addList } from './list.ts'
import { addLs } from './ls.ts'
import { addMoves } from './move.ts'
import { addRepository } from './repository.ts'
import { addRestore } from './restore.ts'
import { addApply, addUp, addWorker } from './run.ts'
import { addRunbook } from './runbook.ts'
import { addScenario } from './scenario.ts'
import { addStatus } from './status.ts'

export interface Globals {
  config: string
  json: boolean
  debug: boolean
}

interface ExitCodeRow {
  readonly exitCode: number
  readonly type: string
  readonly hint: string
}

const exitCodeRows: readonly ExitCodeRow[] = Object.entries(failures).map(([type, { exitCode, hint }]) => ({ exitCode, type, hint }))

function exitCodeText({ exitCode, type, hint }: ExitCodeRow): string {
  return `${String(exitCode).padStart(3)}  ${type.padEnd(26)} ${hint}`
}

/** @param version of Muster, for `--version` */
export function createProgram(desk: () => Desk, globals: Globals, version: string): Command {
  const program = new Command('muster')
    .description('disaster recovery that has been rehearsed')
    .option('-c, --config <file>', 'muster.yaml', globals.config)
    .option('--json', 'one JSON document instead of text')
    .addOption(new Option('--debug', 'stacks of errors'))
    .version(version)
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
    addDrill,
    addMoves,
    addScenario,
    addFence,
    addGuard,
    addDiverged,
    addRunbook,
    addApprove,
    addStatus,
    addWatch,
    addResume,
    addCancel,
    addRepository,
    addAudit,
  ]) {
    add(program, desk)
  }
  program
    .command('exit-codes')
    .description('what each exit code means')
    .addHelpText('after', `\n${exitCodeRows.map(exitCodeText).join('\n')}`)
    .action(() => {
      const { out } = desk()
      out.result(exitCodeRows, () => {
        for (const row of exitCodeRows) out.line(exitCodeText(row))
      })
    })
  for (const command of program.commands) command.exitOverride()
  return program
}
