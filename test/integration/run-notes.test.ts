import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noteStep, readNotes } from '../../activities/run-notes.ts'

const runId = '0f0e0d0c-0000-4000-8000-0000000000bb'
const run = { workflowId: 'target/shop', runId, procedure: 'failover', system: 'shop' } as const
const begunAt = '2026-11-20T10:00:10.000Z'
/** Forty steps beside each other; the eleventh is the first that changes the system. */
const steps = Array.from({ length: 40 }, (_, n) => ({
  ...run,
  activity: n === 10 || n === 30 ? 'swapIn' : `look${n}`,
  scheduledAt: new Date(Date.parse('2026-11-20T10:00:00Z') + n * 1000).toISOString(),
}))

describe('what a host notes of a run', () => {
  let hostDirectory: string
  beforeEach(async () => (hostDirectory = await mkdtemp(join(tmpdir(), 'muster-notes-'))))
  afterEach(() => rm(hostDirectory, { recursive: true, force: true }))

  const noted = async () => (await readNotes({ hostDirectory })).map((note) => [note.runId, note.firstAt, note.begunAt, note.scheduledAt])
  const whole = [[runId, steps[0]?.scheduledAt, begunAt, steps[39]?.scheduledAt]]

  it('loses nothing where steps of it begin beside each other, in whatever order', async () => {
    for (let round = 0; round < 10; round++) {
      await Promise.all([...steps].sort(() => (round % 2 === 0 ? -1 : 1)).map((step) => noteStep({ hostDirectory }, step)))
      assert.deepEqual(await noted(), whole)
      await rm(join(hostDirectory, 'runs'), { recursive: true })
    }
  })

  it('loses nothing where two processes of the host note it', async () => {
    const shares = [steps.filter((_, n) => n % 2 === 0), steps.filter((_, n) => n % 2 === 1)]
    await Promise.all(shares.map((share) => inProcess(hostDirectory, share)))
    assert.deepEqual(await noted(), whole)
  })

  it('says of one step that it begins to change the system, and of that one again when it is repeated', async () => {
    const order = [steps[0], steps[10], steps[30], steps[10], steps[39]]
    const begins: boolean[] = []
    for (const step of order) begins.push((await noteStep({ hostDirectory }, step as (typeof steps)[number])).begins)
    assert.deepEqual(begins, [false, true, false, true, false])
    const [name = ''] = await readdir(join(hostDirectory, 'runs'))
    assert.equal((await noteStep({ hostDirectory }, steps[39] as (typeof steps)[number])).note.begunAt, begunAt, name)
  })

  it('reads a note of an earlier version, and goes on after a line that was cut off', async () => {
    await mkdir(join(hostDirectory, 'runs'))
    const file = join(hostDirectory, 'runs', `${runId}.json`)
    await writeFile(file, JSON.stringify({ ...steps[20], firstAt: steps[0]?.scheduledAt, begunAt }))
    await noteStep({ hostDirectory }, steps[21] as (typeof steps)[number])
    await appendFile(file, '\n{"workflowId":"target/sh')
    await noteStep({ hostDirectory }, steps[39] as (typeof steps)[number])
    assert.deepEqual(await noted(), whole)
  })
})

async function inProcess(hostDirectory: string, share: readonly object[]): Promise<void> {
  const notes = new URL('../../activities/run-notes.ts', import.meta.url).href
  const code = `const { noteStep } = await import(${JSON.stringify(notes)})
    await Promise.all(${JSON.stringify(share)}.map((step) => noteStep({ hostDirectory: ${JSON.stringify(hostDirectory)} }, step)))`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { stdio: ['ignore', 'inherit', 'inherit'] })
  assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 0)
}
