import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Work } from '../../activities/boundary.ts'
import type { Agent } from '../../activities/agent.ts'
import { acceptanceFile, passingGuards } from '../../activities/host/guard-permits.ts'
import { recordWriter } from '../../activities/host/incarnations.ts'
import { giveBack, takeOver } from '../../activities/host/move/take-over.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { recordKey } from '../../domain/object-keys.ts'
import { appendRecord } from '../../repository/control-records.ts'
import { createAgent } from '../../wiring/agent.ts'
import { guardHere } from '../../wiring/guard.ts'
import { guardUnits } from '../../wiring/guard-units.ts'
import { ownCommand } from '../../wiring/own-command.ts'
import { createReturnGuard } from '../../wiring/return-guard.ts'
import { type ReturnGuard, watchReturn } from '../../workers/return-guard.ts'
import { freePort } from '../support/free-port.ts'
import { failsWith } from '../support/fails-with.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { waitFor } from '../support/rig.ts'

const run = 'target/shop:one'
const work: Work = { signal: new AbortController().signal, label: 'test', attempt: 1, progress: () => undefined } as unknown as Work
const asked = { host: 'alpha', person: 'alice' }

function yamlFor(base: string, thirdStore: string): string {
  const service = (name: string) => `{ type: command, start: [${base}/${name}, start], stop: [${base}/${name}, stop], status: [${base}/${name}, status] }`
  return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  near: { type: directory, path: ${base}/stores/near, hosts: [alpha] }
  offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }
  ${thirdStore}
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
systems:
  shop:
    components: { uploads: { type: files, host: alpha, paths: [${base}/uploads] } }
    services:
      api: ${service('api').replace('{ ', '{ host: alpha, ')}
      web: ${service('web').replace('{ ', '{ host: alpha, ')}
    failover:
      to: dr
      components: { uploads: { paths: [${base}/uploads-there] } }
      services: { api: ${service('api-there')}, web: ${service('web-there')} }
  plain:
    components: { letters: { type: files, host: alpha, paths: [${base}/letters] } }
`
}

interface Lab {
  readonly installation: Installation
  readonly alpha: Agent
  move(): Promise<void>
  takeBack(): Promise<void>
  serves(service: string): Promise<boolean>
  setServed(service: string): Promise<void>
  /** Starts and stops of services, oldest first. */
  did(): Promise<readonly string[]>
  notices(): Promise<readonly { readonly severity: string; readonly subject: string; readonly body: string }[]>
}

async function createLab(thirdStore = ''): Promise<Lab> {
  const installation = await createInstallation()
  const { base } = installation
  for (const name of ['uploads', 'letters']) await mkdir(join(base, name))
  for (const name of ['api', 'web', 'api-there', 'web-there']) {
    const state = join(base, `${name}.running`)
    const script = `case "$1" in start) echo "$1 ${name}" >> ${base}/did; touch ${state} ;; stop) echo "$1 ${name}" >> ${base}/did; rm -f ${state} ;; status) test -f ${state} ;; esac`
    await writeFile(join(base, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(base, name), 0o755)
  }
  await installation.apply(yamlFor(base, thirdStore))
  const [alpha, beta] = await Promise.all([
    createAgent({ places: installation.alpha, host: 'alpha', site: 'primary' }),
    createAgent({ places: installation.beta, host: 'beta', site: 'dr' }),
  ])
  for (const folder of ['config', 'keys']) await runTool('cp', ['-a', join(installation.alpha.home, folder), installation.beta.home])
  const { hash } = await alpha.config(null)
  const step = { system: 'shop', configHash: hash, run, from: 'primary', to: 'dr' }
  return {
    installation,
    alpha,
    async move() {
      await takeOver(beta)({ ...step, proof: { by: 'people', detail: 'alice: the link is pulled', at: new Date().toISOString() }, replayed: [] }, work)
    },
    async takeBack() {
      await giveBack(beta)({ ...step, lives: {} }, work)
    },
    serves: async (service) => (await readdir(base)).includes(`${service}.running`),
    setServed: (service) => writeFile(join(base, `${service}.running`), ''),
    did: async () => (await readFile(join(base, 'did'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    notices: async () =>
      (await readFile(join(installation.alpha.home, 'notices.jsonl'), 'utf8').catch(() => ''))
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  }
}

describe('muster guard', function () {
  this.timeout(120_000)
  let lab: Lab
  const store = (name: string) => join(lab.installation.base, 'stores', name)
  const guard = (extra: object = {}) => guardHere(lab.installation.alpha, 'shop', { ...asked, ...extra })

  beforeEach(async () => {
    lab = await createLab()
  })
  afterEach(async () => {
    await lab?.installation.remove()
  })

  it('lets a system start at the site where it is active, and runs a command in the foreground only then', async () => {
    assert.match((await guard()).because, /active here, as (near|offsite)/)
    assert.equal(await commandLine(lab, ['guard', 'shop', '--host', 'alpha', '--', 'sh', '-c', `touch ${lab.installation.base}/ran; exit 7`]), 7)
    assert.ok((await readdir(lab.installation.base)).includes('ran'))
    await rm(join(lab.installation.base, 'ran'))
    await lab.move()
    assert.equal(await commandLine(lab, ['guard', 'shop', '--host', 'alpha', '--', 'touch', `${lab.installation.base}/ran`]), 37)
    assert.ok(!(await readdir(lab.installation.base)).includes('ran'))
  })

  it('passes signals to the command that it runs', async () => {
    const script = `trap 'echo told > ${lab.installation.base}/told; exit 3' TERM; touch ${lab.installation.base}/up; while :; do sleep 0.1; done`
    const [program, ...words] = ownCommand()
    const child = spawn(program, [...words, '--config', lab.installation.alpha.configFile, 'guard', 'shop', '--host', 'alpha', '--', 'sh', '-c', script], {
      env: { ...process.env, MUSTER_HOME: lab.installation.alpha.home, MUSTER_KEYS: lab.installation.alpha.keys },
    })
    const exit = new Promise((resolve) => child.once('exit', resolve))
    await waitFor('the command', async () => (await readdir(lab.installation.base)).includes('up'))
    child.kill('SIGTERM')
    assert.equal(await exit, 3)
    assert.equal(await readFile(join(lab.installation.base, 'told'), 'utf8'), 'told\n')
  })

  it('names the run, the time and the place when the system is elsewhere', async () => {
    await lab.move()
    await assert.rejects(
      guard(),
      failsWith('NotActiveSite', /active at site "dr" since \d{4}-.*Z, moved there by target\/shop:one; host "alpha" is at site "primary"/),
    )
  })

  it('asks no store for a system without another site', async () => {
    for (const name of ['near', 'offsite']) await rename(store(name), `${store(name)}.away`)
    const answer = await guardHere(lab.installation.alpha, 'plain', asked)
    assert.equal(answer.because, 'it has no other site')
  })

  it('refuses where no store outside answers, until a person accepts that in writing', async () => {
    await rename(store('offsite'), `${store('offsite')}.away`)
    await assert.rejects(guard(), failsWith('Unreachable', /cannot be known: .*offsite.*an old truth/))
    const { because } = await guard({ acceptUnknown: 'the link to dr is cut, and dr is switched off' })
    assert.match(because, /alice accepted until the next boot/)
    assert.match((await guard()).because, /alice accepted on .*the link to dr is cut/)
    const [line] = (await readFile(acceptanceFile(lab.alpha), 'utf8')).split('\n')
    const written = JSON.parse(line ?? '')
    assert.deepEqual([written.person, written.system, written.reason], ['alice', 'shop', 'the link to dr is cut, and dr is switched off'])
    assert.match(written.problems.join(), /offsite/)
    const [notice] = await lab.notices()
    assert.equal(notice?.severity, 'critical')
    assert.match(notice?.body ?? '', /alice accepted it: the link to dr is cut/)
    // Whoever comes back after a boot knows nothing of what happened meanwhile.
    await writeFile(acceptanceFile(lab.alpha), `${JSON.stringify({ ...written, boot: 'another' })}\n`)
    await assert.rejects(guard(), failsWith('Unreachable'))
  })

  it('takes nobody’s word against a store that says that the system is elsewhere', async () => {
    await rename(store('offsite'), `${store('offsite')}.away`)
    await guard({ acceptUnknown: 'dr is switched off' })
    await rename(`${store('offsite')}.away`, store('offsite'))
    await lab.move()
    await assert.rejects(guard(), failsWith('NotActiveSite'))
    await assert.rejects(guard({ acceptUnknown: 'I know better' }), failsWith('NotActiveSite'))
  })

  it('lets a step of a run start it where no store outside answers, and nobody after that step', async () => {
    await rename(store('offsite'), `${store('offsite')}.away`)
    await passingGuards(lab.alpha, 'shop', async () => {
      assert.match((await guard()).because, /a run of Muster starts it/)
      await assert.rejects(guardHere(lab.installation.alpha, 'shop', { host: 'beta', person: 'alice' }), failsWith('Unreachable'))
    })
    await assert.rejects(guard(), failsWith('Unreachable'))
  })

  it('believes neither a chain that was tampered with nor a longer one of a site that was cut off', async () => {
    // Cut off, alpha goes on writing into the store that it alone reaches.
    await rename(store('near'), `${store('near')}.away`)
    await lab.move()
    await rename(`${store('near')}.away`, store('near'))
    const { config } = await lab.alpha.config(null)
    const alone = { ...(await recordWriter(lab.alpha, config)), stores: [await lab.alpha.store(config, 'near')] }
    for (const incarnation of ['a', 'b', 'c', 'd', 'e']) {
      await appendRecord(alone, 'shop', () => ({ kind: 'gap', component: 'uploads', incarnation, afterLsn: '0/1', beforeLsn: '0/2', reason: 'cut off' }))
    }
    await assert.rejects(guard(), failsWith('NotActiveSite'))
    await tamper(join(store('offsite'), recordKey('shop', 3)))
    await assert.rejects(guard(), failsWith('SignatureInvalid', /cannot be known: .*offsite.* an old truth/))
    await rm(join(store('offsite'), 'records', 'shop'), { recursive: true })
    await assert.rejects(guard(), failsWith('Unreachable', /offsite" holds no record/))
  })

  it('ends in time, with its answer, beside a store that takes every question and answers none', async () => {
    await lab.installation.remove()
    const port = await freePort()
    lab = await createLab(
      `third: { type: s3, endpoint: "http://127.0.0.1:${port}", bucket: none, hosts: [alpha], site: dr, credentials: { write: "env:GUARD_TEST_ACCESS" } }`,
    )
    let connections = 0
    const silent = createServer(() => {
      connections += 1
    }).listen(port, '127.0.0.1')
    process.env['GUARD_TEST_ACCESS'] = 'nobody:nothing'
    try {
      const startedAt = Date.now()
      assert.match((await guard()).because, /active here/)
      assert.ok(connections > 0)
      await rename(store('offsite'), `${store('offsite')}.away`)
      assert.equal(await commandLine(lab, ['guard', 'shop', '--host', 'alpha']), 61)
      assert.ok(Date.now() - startedAt < 90_000, `${Date.now() - startedAt} ms for two looks`)
    } finally {
      delete process.env['GUARD_TEST_ACCESS']
      silent.close()
    }
  })

  it('prints what makes systemd ask, and what is started otherwise', async () => {
    const printed = await guardUnits(lab.installation.alpha, 'shop', { host: 'alpha' })
    assert.deepEqual([printed.units, printed.others, printed.warnings], [[], ['api', 'web'], []])
    assert.deepEqual(printed.command.slice(-4), ['guard', 'shop', '--host', 'alpha'])
    assert.ok(printed.command.includes(`MUSTER_HOME=${lab.installation.alpha.home}`))
    const there = await guardUnits(lab.installation.beta, 'shop', { host: 'beta' })
    assert.match(there.warnings.join(), /host "beta" reaches no store that stands outside site "dr"/)
    await assert.rejects(guardUnits(lab.installation.alpha, 'plain', { host: 'alpha' }), failsWith('NothingToDo'))
  })

  it('refuses a host or a site that is not this one', async () => {
    await assert.rejects(guardHere(lab.installation.alpha, 'shop', { person: 'alice' }), failsWith('InvalidInput', /which host is this/))
    await assert.rejects(guard({ site: 'dr' }), failsWith('InvalidInput', /"alpha" is at site "primary", not "dr"/))
    await assert.rejects(guardHere(lab.installation.alpha, 'stop', asked), failsWith('UnknownName'))
  })
})

describe('the return guard', function () {
  this.timeout(60_000)
  let lab: Lab
  const stops: (() => Promise<void>)[] = []

  beforeEach(async () => {
    lab = await createLab()
    for (const name of ['api', 'web']) await lab.setServed(name)
  })
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
    await lab?.installation.remove()
  })

  /** @returns how often the stores were asked so far */
  async function watch(change: (guard: ReturnGuard) => Partial<ReturnGuard> = () => ({})): Promise<() => number> {
    const guard = await createReturnGuard(lab.alpha, 0.1)
    const abort = new AbortController()
    let looks = 0
    const ask: ReturnGuard['ask'] = (system) => {
      looks += 1
      return guard.ask(system)
    }
    const watched = { ...guard, ask }
    const done = watchReturn({ ...watched, ...change(watched) }, abort.signal)
    stops.push(async () => {
      abort.abort()
      await done
    })
    return () => looks
  }

  async function looksAgain(looks: () => number, times = 3): Promise<void> {
    const before = looks()
    await waitFor('the guard to look again', async () => looks() >= before + times)
  }

  it('leaves a system alone where it is active, and stops it in reverse order where it is fenced', async () => {
    const looks = await watch()
    await looksAgain(looks)
    assert.deepEqual(await lab.did(), [])
    await lab.move()
    await waitFor('the services to be stopped', async () => !(await lab.serves('api')))
    assert.deepEqual(await lab.did(), ['stop web', 'stop api'])
    await waitFor('the notice', async () => (await lab.notices()).length > 0)
    const [notice] = await lab.notices()
    assert.equal(notice?.severity, 'critical')
    assert.match(notice?.subject ?? '', /shop was still served on alpha and is stopped: it is active at site dr/)
    assert.match(notice?.body ?? '', /Stopped: web, api\. target\/shop:one moved .* fenced by people/)
  })

  it('stops what somebody starts again, and does not tell of it every second', async () => {
    await lab.move()
    const looks = await watch()
    await waitFor('the services to be stopped', async () => !(await lab.serves('api')))
    await lab.setServed('web')
    await waitFor('web to be stopped again', async () => !(await lab.serves('web')))
    await looksAgain(looks)
    assert.equal((await lab.notices()).length, 1)
  })

  it('starts what it stopped when the run that fenced it takes the move back', async () => {
    await lab.move()
    const looks = await watch()
    await waitFor('the services to be stopped', async () => !(await lab.serves('api')))
    await lab.takeBack()
    await waitFor('the services to be started', async () => (await lab.serves('api')) && (await lab.serves('web')))
    await looksAgain(looks)
    assert.deepEqual(await lab.did(), ['stop web', 'stop api', 'start api', 'start web'])
  })

  it('does not stop what a run that is taken back has just started', async () => {
    await lab.move()
    const looks = await watch(({ ask }) => {
      let asks = 0
      return {
        async ask(system) {
          asks += 1
          // The first look sees the fence; then the site is given back, and the old side, seen to be served, is the right one.
          if (asks === 2) await lab.takeBack()
          return ask(system)
        },
      }
    })
    await looksAgain(looks)
    assert.deepEqual(await lab.did(), [])
  })

  it('does not touch what a step of a run starts just now', async () => {
    await lab.move()
    await passingGuards(lab.alpha, 'shop', async () => {
      await looksAgain(await watch())
      assert.deepEqual(await lab.did(), [])
    })
    await waitFor('the services to be stopped after that', async () => !(await lab.serves('api')))
    assert.deepEqual(await lab.did(), ['stop web', 'stop api'])
  })

  it('stops nothing on the word of the store at its own site, or of one that was tampered with', async () => {
    await lab.move()
    const offsite = join(lab.installation.base, 'stores', 'offsite')
    const near = join(lab.installation.base, 'stores', 'near')
    // What was written outside is brought to the store at the site, as a later write would.
    for (const number of [2, 3]) await runTool('cp', [join(offsite, recordKey('shop', number)), join(near, recordKey('shop', number))])
    await rename(offsite, `${offsite}.away`)
    const looks = await watch()
    await looksAgain(looks)
    await rename(`${offsite}.away`, offsite)
    await tamper(join(offsite, recordKey('shop', 2)))
    const others = await watch()
    await looksAgain(others)
    assert.deepEqual(await lab.did(), [])
    assert.ok((await lab.serves('api')) && (await lab.serves('web')))
  })

  it('tells people when it cannot stop a service, and stops the others all the same', async () => {
    await writeFile(join(lab.installation.base, 'web'), '#!/bin/sh\ntest "$1" = status\n')
    await lab.move()
    await watch()
    await waitFor('api to be stopped', async () => !(await lab.serves('api')))
    await waitFor('the notice', async () =>
      (await lab.notices()).some(({ subject }) => /web is still served on alpha, is fenced there, and cannot be stopped/.test(subject)),
    )
  })
})

async function tamper(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  await chmod(path, 0o600)
  await writeFile(path, bytes)
}

async function commandLine({ installation: { alpha } }: Lab, args: readonly string[]): Promise<number | null> {
  const [program, ...words] = ownCommand()
  const child = spawn(program, [...words, '--config', alpha.configFile, ...args], {
    env: { ...process.env, MUSTER_HOME: alpha.home, MUSTER_KEYS: alpha.keys },
    stdio: 'ignore',
  })
  return new Promise((resolve) => child.once('exit', resolve))
}
