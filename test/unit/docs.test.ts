/** Pages that people rely on must not promise what is not there. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Desk } from '../../clients/cli/desk.ts'
import { createProgram } from '../../clients/cli/program.ts'
import { failures } from '../../domain/failures.ts'
import {
  ApproveInput,
  ArchiveHistoriesInput,
  ArchiveWalInput,
  BackupSystemInput,
  CorrectInput,
  DrillInput,
  FailoverSiteInput,
  InstallConfigInput,
  MonitorHealthInput,
  RefreshStandbyInput,
  RespondToBreachInput,
  MoveInput,
  ProbeSystemInput,
  RecoverToPointInTimeInput,
  RestoreSystemInput,
  workflowTypes,
} from '../../workflows/messages.ts'
import { problemsOf } from '../support/shown-commands.ts'

const root = join(import.meta.dirname, '..', '..')
const pages = [root, join(root, 'docs'), join(root, 'docs', 'adr')]
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, name: relative(root, path), text: readFileSync(path, 'utf8') }))

function pageNamed(name: string): string {
  return pages.find((page) => page.name === name)?.text ?? assert.fail(`there is no page ${name}`)
}

describe('documentation', () => {
  const program = createProgram(() => ({}) as Desk, { config: 'muster.yaml', json: false, debug: false }, '0')

  it('shows only verbs and options that the command line has', () => {
    const shown = pages.flatMap(({ name, text }) => commandsIn(text).map((command) => ({ name, command })))
    assert.ok(shown.length > 40, `only ${shown.length} commands were found`)
    assert.deepEqual(
      shown.flatMap(({ name, command }) => problemsOf(program, command).map((problem) => `${name}: ${problem}`)),
      [],
    )
  })

  it('would find a verb or an option that does not exist', () => {
    assert.deepEqual(problemsOf(program, 'muster restor shop'), ['there is no verb "restor" in: muster restor shop'])
    assert.deepEqual(problemsOf(program, 'muster restore shop --too 1 --json'), ['there is no option --too in: muster restore shop --too 1 --json'])
    assert.deepEqual(problemsOf(program, 'muster repository rebuilt local'), ['there is no verb "repository rebuilt" in: muster repository rebuilt local'])
    assert.deepEqual(commandsIn('```sh\nbin/muster up --port 1   # a word\n```\nand `muster status`'), ['muster up --port 1', 'muster status'])
  })

  it('hints at verbs that the command line has, when something fails', () => {
    const hinted = Object.entries(failures).flatMap(([type, { hint }]) =>
      [...hint.matchAll(/\bmuster ([a-z][a-z-]+(?: --[a-z-]+)*)/g)].map((match) => ({ type, command: `muster ${match[1]}` })),
    )
    assert.ok(hinted.length > 5)
    assert.deepEqual(
      hinted.flatMap(({ type, command }) => problemsOf(program, command).map((problem) => `${type}: ${problem}`)),
      [],
    )
  })

  it('names every verb that people use, in the page about operating', () => {
    const operating = pageNamed('docs/operating.md')
    const missing = program.commands.map((command) => command.name()).filter((name) => !new RegExp(`\\b${name}\\b`).test(operating))
    assert.deepEqual(missing, [])
  })

  it('runs only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    const shown = pages.flatMap(({ name, text }) => [...text.matchAll(/\bnpm run ([a-z][a-z:-]*)/g)].map((match) => ({ name, script: match[1] as string })))
    assert.ok(shown.length > 3)
    assert.deepEqual(
      shown.filter(({ script }) => !(script in scripts)),
      [],
    )
  })

  it('links only to files and headings that exist', () => {
    const broken = pages.flatMap(({ path, name, text }) =>
      linksIn(text)
        .filter((link) => !isThere(path, link))
        .map((link) => `${name}: ${link}`),
    )
    assert.deepEqual(broken, [])
    assert.ok(pages.flatMap(({ text }) => linksIn(text)).length > 20)
  })

  it('uses none of the words that the terminology has another word for', () => {
    const forbidden = forbiddenWords(pageNamed('docs/terminology.md'))
    assert.ok(forbidden.length > 5)
    const found = pages
      .filter(({ name }) => name !== 'docs/terminology.md')
      .flatMap(({ name, text }) => forbidden.filter((word) => new RegExp(`\\b${word}s?\\b`, 'i').test(withoutCode(text))).map((word) => `${name}: ${word}`))
    assert.deepEqual(found, [])
  })

  it('says of each failure the exit code and the hint that the command line gives', () => {
    const rows = [...pageNamed('docs/operating.md').matchAll(/^\| (\d+) \| `(\w+)` \| (yes|no) \| (.*) \|$/gm)].map((row) => row.slice(1))
    const expected = Object.entries(failures).map(([type, { exitCode, retry, hint }]) => [String(exitCode), type, retry ? 'yes' : 'no', hint])
    assert.deepEqual(rows, expected)
  })

  it('explains each step that a decision can have', () => {
    const source = readFileSync(join(root, 'activities', 'host', 'restore', 'plan-restore.ts'), 'utf8')
    const body = /function stepsOf\([\s\S]*?\n}\n/.exec(source)?.[0] ?? ''
    const steps = [...body.matchAll(/(?<!\w)\[((?:'[a-z-]+'(?:, )?)+)\]/g)].flatMap((list) =>
      [...(list[1] as string).matchAll(/[a-z-]+/g)].map(([step]) => step),
    )
    assert.ok(steps.length > 10)
    const explained = [...pageNamed('docs/operating.md').matchAll(/^\| `([a-z-]+)` \| /gm)].map((row) => row[1])
    assert.deepEqual(
      [...new Set(steps)].filter((step) => !explained.includes(step)),
      [],
    )
  })

  it('shows in the page about operating how each workflow is started and answered, with inputs that are right', () => {
    const operating = pageNamed('docs/operating.md')
    const rows = [...operating.matchAll(/^\| [^|]+ \| [^|]+ \| `muster` \| `(\w+)` \| `(\{.*\})` \|$/gm)].map((row) => ({
      type: row[1] as string,
      input: row[2] as string,
    }))
    assert.deepEqual([...new Set(rows.map(({ type }) => type))].sort(), [...workflowTypes].sort())
    const schemas = {
      backupSystem: BackupSystemInput,
      archiveWal: ArchiveWalInput,
      restoreSystem: RestoreSystemInput,
      recoverToPointInTime: RecoverToPointInTimeInput,
      drill: DrillInput,
      failover: MoveInput,
      failback: MoveInput,
      switchover: MoveInput,
      failoverSite: FailoverSiteInput,
      installConfig: InstallConfigInput,
      archiveHistories: ArchiveHistoriesInput,
      monitorHealth: MonitorHealthInput,
      refreshStandby: RefreshStandbyInput,
      respondToBreach: RespondToBreachInput,
      probeSystem: ProbeSystemInput,
    }
    for (const { type, input } of rows) schemas[type as keyof typeof schemas].parse(JSON.parse(input))
    const answers = [...operating.matchAll(/```json\n(.*)\n```/g)].map(
      (block) => JSON.parse((block[1] as string).replace('9c41… all 64 digits', 'a'.repeat(64))) as unknown,
    )
    assert.equal(answers.length, 2)
    ApproveInput.parse(answers[0])
    CorrectInput.parse(answers[1])
  })

  it('shows the smallest configuration as it is', () => {
    assert.ok(pageNamed('README.md').includes(readFileSync(join(root, 'examples', 'minimal.yaml'), 'utf8').trim()))
  })
})

/** What stands in inline code and in blocks and begins with `muster`, without prompts, comments and continuations. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/```\w*\n([\s\S]*?)```/g)].flatMap((block) => (block[1] as string).replaceAll('\\\n', ' ').split('\n'))
  const inline = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map((span) => span[1] as string)
  return [...blocks, ...inline].flatMap((line) => {
    const match = /^\s*(?:\$ )?(?:bin\/)?muster ([a-z].*)$/.exec(line.replace(/\s+#.*$/, ''))
    return match ? [`muster ${(match[1] as string).trim()}`] : []
  })
}

function linksIn(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map((link) => link[1] as string).filter((link) => !/^[a-z]+:/.test(link))
}

function isThere(from: string, link: string): boolean {
  const [file = '', heading] = link.split('#')
  const path = file === '' ? from : join(dirname(from), file)
  if (!existsSync(path)) return false
  return heading === undefined || headingsOf(readFileSync(path, 'utf8')).includes(heading)
}

function headingsOf(text: string): string[] {
  return [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^#+ (.*)$/gm)].map((heading) =>
    (heading[1] as string)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function forbiddenWords(terminology: string): string[] {
  return [...terminology.matchAll(/^\|[^|]*\|[^|]*\|([^|]*)\|$/gm)]
    .slice(2)
    .flatMap((row) => (row[1] as string).split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

function withoutCode(text: string): string {
  return text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '')
}
