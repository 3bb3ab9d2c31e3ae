import assert from 'node:assert/strict'
import type { Desk } from '../../clients/cli/desk.ts'
import { createOutput } from '../../clients/cli/output.ts'
import { createProgram } from '../../clients/cli/program.ts'
import { findMoment } from '../../clients/cli/scenario-find.ts'
import { MusterError } from '../../domain/failures.ts'
import { momentToBeFound, type ScenarioAbout, type ScenarioStep } from '../../domain/scenario/scenario.ts'
import { scenarioNamed, scenarios } from '../../domain/scenario/scenarios.ts'
import { ArchiveWalInput, DrillInput, MoveInput, RecoverToPointInTimeInput, RespondToBreachInput, RestoreSystemInput } from '../../workflows/messages.ts'
import { problemsOf } from '../support/shown-commands.ts'

const program = createProgram(() => ({}) as Desk, { config: 'muster.yaml', json: false, debug: false }, '0')
const schemas = {
  archiveWal: ArchiveWalInput,
  drill: DrillInput,
  restoreSystem: RestoreSystemInput,
  recoverToPointInTime: RecoverToPointInTimeInput,
  failover: MoveInput,
  failback: MoveInput,
  respondToBreach: RespondToBreachInput,
}

const shop: ScenarioAbout = {
  system: 'shop',
  requestedBy: 'alice',
  site: 'primary',
  home: 'primary',
  otherSite: 'dr',
  databases: [{ component: 'database', host: 'db1', dataDirectory: '/var/lib/pgsql/data', user: 'muster', database: 'postgres', checks: 1 }],
  trees: ['uploads', 'letters'],
  components: null,
  at: '2026-11-20T02:14:00.000000Z',
  moment: { kind: 'time', time: '2026-11-20T02:13:00.000000Z' },
  into: null,
  probe: "select count(*) > 0 from orders where state = 'open'",
  acceptLoss: true,
  suspects: ['db1'],
}

const stepsOf = (name: string, about: ScenarioAbout = shop): readonly ScenarioStep[] => scenarioNamed(name).steps(about)

describe('scenarios', () => {
  it('show commands that exist, and inputs that the workflows take', () => {
    let seen = 0
    for (const scenario of scenarios) {
      // Since when somebody was there is for a person to say.
      for (const about of scenario.name === 'security-breach'
        ? [shop]
        : [shop, { ...shop, at: null, moment: { kind: 'newest' as const }, acceptLoss: false }]) {
        for (const { command, procedure, input, look, callOff } of scenario.steps(about)) {
          const commands = [command, ...look, callOff].flatMap((text) => text.match(/muster [a-z][^;&]*/g) ?? [])
          const shown = commands.map((one) => one.split(/ '|[:,.)]\s|, /)[0] as string).filter((one) => one !== 'muster cancel')
          assert.deepEqual(
            shown.flatMap((one) => problemsOf(program, one.trim())),
            [],
          )
          // Without --at nothing says where the search for a deletion begins.
          if (!JSON.stringify(input).includes(momentToBeFound)) schemas[procedure].parse(input)
          seen += 1
        }
      }
    }
    assert.ok(seen > 20, `${seen}`)
  })

  it('have steps that can be named: no id twice', () => {
    for (const { name, steps } of scenarios) {
      const ids = steps(shop).map(({ id }) => id)
      assert.deepEqual(ids, [...new Set(ids)], name)
    }
  })

  it('give the procedure of the moment that was found', () => {
    const restoreTo = (moment: ScenarioAbout['moment']) => stepsOf('database-corruption', { ...shop, moment }).at(-1)
    assert.deepEqual(restoreTo({ kind: 'newest' })?.input, { system: 'shop', components: ['database'], stopFirst: true, requestedBy: 'alice' })
    assert.equal(restoreTo({ kind: 'newest' })?.procedure, 'restoreSystem')
    assert.equal(restoreTo(shop.moment)?.command, 'muster restore shop --component database --to 2026-11-20T02:13:00.000000Z --stop-first')
    assert.match(restoreTo(null)?.command ?? '', /--to MOMENT/)
  })

  it('are refused where the system has not what they need, with the way out', () => {
    const refused = (name: string, about: Partial<ScenarioAbout>, type: string, text: RegExp) =>
      assert.throws(
        () => {
          const scenario = scenarioNamed(name)
          scenario.refuse?.({ ...shop, ...about }, null)
          scenario.steps({ ...shop, ...about })
        },
        (error: Error) => error instanceof MusterError && error.type === type && text.test(`${error.message} ${error.hint}`),
        name,
      )
    refused('data-centre-loss', { otherSite: null }, 'PreconditionFailed', /no other site than primary.*write failover/)
    refused('natural-disaster', { site: 'dr', otherSite: 'primary' }, 'PreconditionFailed', /moved to dr already.*--from failback/)
    refused('database-corruption', { databases: [{ ...shop.databases[0], checks: 0 } as never] }, 'PreconditionFailed', /no checks are configured/)
    refused('accidental-deletion', { databases: [] }, 'NothingToDo', /no database/)
    refused('accidental-deletion', { moment: null, probe: null }, 'InvalidInput', /needs --probe SQL/)
    const second = { ...shop.databases[0], component: 'second' } as never
    refused('database-corruption', { databases: [...shop.databases, second] }, 'InvalidInput', /more than one database: database, second.*--component/)
    refused('file-system-corruption', { trees: [] }, 'NothingToDo', /no file trees/)
    refused('application-failure', { components: ['database'] }, 'InvalidInput', /is no tree; trees are: uploads, letters/)
    refused('security-breach', { suspects: null }, 'InvalidInput', /on which hosts\?.*--at TIME --suspect HOST/)
    refused('security-breach', { otherSite: null }, 'PreconditionFailed', /is not restored to.*install a new host/)
    refused('flood', {}, 'UnknownName', /there are: data-centre-loss/)
  })

  it('let a person name another moment, which is tried before it counts, or call off', async () => {
    const answers = ['later', '2026-11-20 02:13:59', '2026-11-20 02:13:30', 'yes']
    const asked: string[] = []
    const search = (ask: () => Promise<string>) =>
      findMoment(
        createOutput({ json: true }),
        { ask: (question) => (asked.push(question), ask()) },
        {
          step: stepsOf('accidental-deletion')[1] as ScenarioStep,
          windowFrom: '2026-11-19T02:00:00.000Z',
          windowUntil: '2026-11-20T03:00:00.000000Z',
          at: '2026-11-20T02:14:00.000000Z',
          withinSeconds: 60,
          probe: async (moment) => ({ holds: moment.kind === 'time' && moment.time < '2026-11-20T02:13:40.000000Z', detail: '' }),
        },
      )
    const { moment, tried } = await search(async () => answers.shift() ?? '')
    assert.deepEqual(moment, { kind: 'time', time: '2026-11-20T02:13:30.000000Z' })
    assert.equal(tried.find(({ at }) => at === '2026-11-20T02:13:59.000000Z')?.holds, false)
    assert.match(asked.at(-1) ?? '', /go back to 2026-11-20T02:13:30.000000Z\?/)
    await assert.rejects(
      search(async () => ''),
      /called off; nothing in service was touched/,
    )
  })
})
