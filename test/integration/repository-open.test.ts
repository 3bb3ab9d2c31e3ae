import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAgeIdentity } from '../../adapters/crypto/age-identity.ts'
import type { OpenedRepository, OpenRepositoryOptions } from '../../clients/cli/open.ts'
import { configHash } from '../../config/canonical.ts'
import { createAgent } from '../../wiring/agent.ts'
import { examine } from '../../wiring/doctor.ts'
import { loadKitEnvironment } from '../../wiring/kit-environment.ts'
import { loadHere } from '../../wiring/load-here.ts'
import { openRepository } from '../../wiring/open-repository.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { pinnedFingerprint } from '../../wiring/trust.ts'
import { failsWith } from '../support/fails-with.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { startS3Server } from '../support/s3-server.ts'
import { treeSites, writeSecrets } from '../support/site-of-trees.ts'

describe('muster repository open, on a machine that has nothing', function () {
  this.timeout(60_000)
  let installation: Installation
  let base: string
  let dr: Places
  let identity: string
  let fingerprint: string

  beforeEach(async () => {
    installation = await createInstallation()
    base = installation.base
    await writeSecrets(base)
    await installation.apply(treeSites(base, { every: 'daily 01:00' }))
    await installation.apply(treeSites(base))
    fingerprint = await pinnedFingerprint(installation.alpha)
    identity = join(base, 'carried', 'identity.txt')
    await mkdir(join(base, 'carried'))
    await copyFile(join(installation.beta.keys, keyFiles.identity), identity)
    dr = { configFile: join(base, 'dr', 'muster.yaml'), home: join(base, 'dr', 'home'), keys: join(base, 'dr', 'keys') }
    // The machine is another one: the paths of the configuration are not there, nor is the home site's store.
    await rename(join(base, 'secrets'), join(base, 'lost-secrets'))
    await rename(join(base, 'beta'), join(base, 'lost-beta'))
    await rename(join(base, 'stores', 'near'), join(base, 'lost-near'))
    delete process.env['MUSTER_TEST_KIT']
  })
  afterEach(async () => {
    await installation.remove()
  })

  const open = (changes: Partial<OpenRepositoryOptions> = {}): Promise<OpenedRepository> =>
    openRepository(dr, {
      store: join(base, 'stores', 'offsite'),
      rootFingerprint: fingerprint,
      identityFile: identity,
      host: null,
      withoutKit: false,
      acceptOlder: false,
      dryRun: false,
      onProgress: () => undefined,
      ...changes,
    })

  /** The state of the machine: nothing of Muster may be on it after a refusal. */
  const isUntouched = async () => {
    for (const path of ['dr', 'beta', 'secrets']) await assert.rejects(stat(join(base, path)), /ENOENT/, path)
  }

  async function flip(prefix: string, pick: (names: readonly string[]) => string | undefined = (names) => names.at(-1)): Promise<string> {
    const folder = join(base, 'stores', 'offsite', prefix)
    const name = pick((await readdir(folder)).sort()) ?? assert.fail(`nothing in ${folder}`)
    const bytes = await readFile(join(folder, name))
    bytes[40] = (bytes[40] ?? 0) ^ 1
    await chmod(join(folder, name), 0o600)
    await writeFile(join(folder, name), bytes)
    return name
  }

  it('brings configuration, keys and secrets, and says how old they are', async () => {
    const opened = await open()
    assert.deepEqual([opened.store, opened.organisation, opened.host, opened.site, opened.config.number], ['offsite', 'Test', 'beta', 'dr', 2])
    assert.deepEqual(opened.systems, [{ system: 'shop', activeSite: 'primary', backups: 0, newestBackupAt: null, recoverableUntil: {}, problems: [] }])
    assert.ok(opened.newestRecordAt !== null && Date.parse(opened.newestRecordAt) <= Date.parse(opened.at))
    assert.deepEqual([opened.kit.holds, opened.kit.lacks, opened.notes], [5, [], []])
    assert.equal(await readFile(join(base, 'secrets', 'webhook'), 'utf8'), 'https://hooks.example.com/one\n')
    assert.equal(await readFile(join(base, 'beta', 'keys', 'identity.txt'), 'utf8'), await readFile(identity, 'utf8'))
    assert.deepEqual(JSON.parse(await readFile(join(dr.home, 'environment.json'), 'utf8')), { MUSTER_TEST_KIT: 'from the environment' })
    for (const path of [join(base, 'secrets', 'webhook'), join(dr.keys, keyFiles.host('beta')), join(dr.home, 'environment.json')])
      assert.equal((await stat(path)).mode & 0o777, 0o600, path)
    assert.deepEqual([(await stat(dr.keys)).mode & 0o777, (await stat(join(base, 'dr'))).mode & 0o001], [0o700, 0o001])
  })

  it('leaves a machine whose agent works, and which doctor finds in order', async () => {
    await open()
    const agent = await createAgent({ places: dr, host: 'beta', site: 'dr' })
    const { config, whole, hash } = await agent.config(null)
    assert.equal(hash, configHash(whole))
    assert.deepEqual(config.systems['shop']?.components['uploads']?.host, 'beta')
    assert.equal((await agent.signer()).publicKey, (await readFile(join(dr.keys, `${keyFiles.host('beta')}.pub`), 'utf8')).split(' ').slice(0, 2).join(' '))
    assert.equal(configHash((await loadHere(dr)).config), hash, 'the same muster.yaml')
    const problems = (await examine(dr, { system: null })).filter(({ severity, about }) => severity === 'problem' && !['temporal', 'programs'].includes(about))
    assert.deepEqual(
      problems.map(({ about, message }) => `${about}: ${message}`),
      [],
    )
  })

  it('does the same again without harm, and goes on where it broke off', async () => {
    await open()
    assert.deepEqual((await open()).written, [])
    await rm(join(dr.keys, keyFiles.host('beta')))
    await rm(join(dr.home, 'opened.json'))
    await rm(join(dr.home, 'config'), { recursive: true })
    assert.deepEqual((await open()).written, [join(dr.keys, keyFiles.host('beta'))])
    await createAgent({ places: dr, host: 'beta', site: 'dr' }).then((agent) => agent.config(null))
  })

  it('proves everything and writes nothing with dryRun', async () => {
    assert.equal((await open({ dryRun: true })).config.number, 2)
    await isUntouched()
  })

  it('refuses another fingerprint, a text that is none, and no fingerprint at all', async () => {
    const other = `SHA256:${'A'.repeat(43)}`
    await assert.rejects(open({ rootFingerprint: other }), failsWith('KeyNotTrusted', new RegExp(`signed by ${fingerprint.replace(/[+/]/g, '.')}.*${other}`)))
    await assert.rejects(open({ rootFingerprint: 'SHA256:short' }), failsWith('InvalidInput', /no fingerprint of a key/))
    await assert.rejects(open({ rootFingerprint: null }), failsWith('InvalidInput', /which root key/))
    await isUntouched()
  })

  it('refuses an identity that reads nothing, or is not there', async () => {
    await createAgeIdentity(join(base, 'carried', 'other.txt'))
    await assert.rejects(open({ identityFile: join(base, 'carried', 'other.txt') }), failsWith('IdentityMissing', /is none of the recipients/))
    await assert.rejects(open({ identityFile: join(base, 'carried', 'none.txt') }), failsWith('IdentityMissing', /there is no age identity/))
    await isUntouched()
  })

  it('refuses an empty directory, one that is not there, and a file that declares nothing', async () => {
    await mkdir(join(base, 'empty'))
    await assert.rejects(open({ store: join(base, 'empty') }), failsWith('ObjectMissing', /empty is no store of Muster/))
    await assert.rejects(open({ store: join(base, 'nowhere') }), failsWith('InvalidInput', /neither a directory nor a file/))
    await writeFile(join(base, 'declared.yaml'), '{ type: directory, pth: /x }')
    await assert.rejects(open({ store: join(base, 'declared.yaml') }), failsWith('ConfigInvalid', /^declared\.yaml:1:\d+ .*"?pth"?/m))
    await isUntouched()
  })

  it('takes a file that declares the store as muster.yaml would', async () => {
    await writeFile(join(base, 'declared.yaml'), `# the NAS\ntype: directory\npath: ${base}/stores/offsite\n`)
    assert.equal((await open({ store: join(base, 'declared.yaml') })).store, 'offsite')
  })

  it('says that agents look for the store elsewhere than it was opened', async () => {
    await cp(join(base, 'stores', 'offsite'), join(base, 'mounted'), { recursive: true })
    await rm(join(base, 'stores', 'offsite'), { recursive: true })
    const { notes } = await open({ store: join(base, 'mounted') })
    assert.match(notes.join(), /opened at .*\/mounted; agents look for it at .*\/stores\/offsite/)
  })

  it('refuses a flipped byte in the newest configuration, a control record, a key list and the kit', async () => {
    const { config } = await open({ dryRun: true })
    const places: [string, string, RegExp][] = [
      ['config', `${config.hash}.json`, /offsite:config\//],
      ['records/shop', '00000001.json', /offsite:records\/shop\/00000001/],
      ['records/_installation', '00000002.json', /offsite:records\/_installation\/00000002/],
      ['keys', '00000001.json', /offsite:keys\/00000001/],
    ]
    for (const [folder, name, message] of places) {
      const kept = await readFile(join(base, 'stores', 'offsite', folder, name))
      await flip(folder, () => name)
      await assert.rejects(open(), failsWith('SignatureInvalid', message), folder)
      await writeFile(join(base, 'stores', 'offsite', folder, name), kept)
    }
    await flip('recovery-kits/dr')
    await assert.rejects(open(), failsWith('SignatureInvalid', /the recovery kit cannot be opened/))
    await isUntouched()
    const opened = await open({ withoutKit: true })
    assert.match(opened.notes.join('\n'), /the key of host beta is missing/)
  })

  it('refuses the older of two stores, and two that have grown apart, unless told to', async () => {
    await rename(join(base, 'lost-near'), join(base, 'stores', 'near'))
    await rename(join(base, 'lost-secrets'), join(base, 'secrets'))
    const reached = treeSites(base, { every: 'daily 05:00' }).replace(
      'hosts: [alpha] }\n  offsite',
      'hosts: [alpha, beta], site: primary, host: alpha }\n  offsite',
    )
    await installation.apply(reached)
    // The off-site store is out while a configuration is applied.
    await rename(join(base, 'stores', 'offsite'), join(base, 'out'))
    await writeFile(join(base, 'stores', 'offsite'), 'no directory')
    await installation.apply(reached.replace('05:00', '06:00'))
    await rm(join(base, 'stores', 'offsite'))
    await rename(join(base, 'out'), join(base, 'stores', 'offsite'))
    await rm(join(base, 'secrets'), { recursive: true })
    await assert.rejects(open(), failsWith('PreconditionFailed', /store "near": knows newer records of the configuration than "offsite"/))
    await isUntouched()
    // And another is applied while the near one is out.
    await rename(join(base, 'stores', 'near'), join(base, 'out'))
    await writeFile(join(base, 'stores', 'near'), 'no directory')
    await installation.apply(reached.replace('05:00', '07:00'))
    await rm(join(base, 'stores', 'near'))
    await rename(join(base, 'out'), join(base, 'stores', 'near'))
    await assert.rejects(open(), failsWith('PreconditionFailed', /store "near": its records of the configuration have grown apart from those of "offsite"/))
    await isUntouched()
    const opened = await open({ acceptOlder: true })
    assert.match(opened.others[0]?.text ?? '', /grown apart/)
    assert.equal(opened.config.number, 5)
  })

  it('never overwrites a configuration, a key or a fingerprint that is there', async () => {
    await mkdir(join(base, 'dr', 'keys'), { recursive: true })
    await writeFile(dr.configFile, 'organisation: Mine\n')
    await assert.rejects(open(), failsWith('PreconditionFailed', /has other content already in .*dr\/muster\.yaml; nothing was written/))
    assert.equal(await readFile(dr.configFile, 'utf8'), 'organisation: Mine\n')
    assert.deepEqual((await readdir(join(base, 'dr'))).sort(), ['keys', 'muster.yaml'])
    await rm(dr.configFile)
    await writeFile(join(dr.keys, keyFiles.fingerprint), `SHA256:${'B'.repeat(43)}\n`)
    await assert.rejects(open(), failsWith('KeyNotTrusted', /is pinned on this machine/))
  })

  it('refuses before the first file where a later one could not be written', async () => {
    await writeFile(join(base, 'secrets'), 'a file where a directory has to be')
    await assert.rejects(open(), failsWith('PreconditionFailed', /secrets\/licence cannot be made: .*\/secrets is no directory; nothing was written/))
    await assert.rejects(stat(join(base, 'dr')), /ENOENT/)
    await rm(join(base, 'secrets'))
    assert.equal((await open()).kit.holds, 5)
  })

  it('goes on where it was killed, at any moment', async () => {
    const script = `
      const { openRepository } = await import(${JSON.stringify(new URL('../../wiring/open-repository.ts', import.meta.url).href)})
      const [places, options] = JSON.parse(process.argv[1])
      await openRepository(places, { ...options, onProgress: () => undefined })`
    const options = {
      store: join(base, 'stores', 'offsite'),
      rootFingerprint: fingerprint,
      identityFile: identity,
      host: null,
      withoutKit: false,
      acceptOlder: false,
      dryRun: false,
    }
    const paths = [join(dr.keys, keyFiles.fingerprint), join(base, 'secrets', 'webhook'), dr.configFile, join(dr.home, 'keys', '00000001.json')]
    for (const path of paths) {
      for (const gone of ['dr', 'beta', 'secrets']) await rm(join(base, gone), { recursive: true, force: true })
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, JSON.stringify([dr, options])], { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      while (child.exitCode === null && !existsSync(path)) await new Promise((resolve) => setImmediate(resolve))
      child.kill('SIGKILL')
      await ended
      await open()
      assert.equal((await createAgent({ places: dr, host: 'beta', site: 'dr' }).then((agent) => agent.config(null))).hash, (await open()).config.hash, path)
    }
  })

  it('opens a bucket with credentials that are carried, and brings those that agents use', async () => {
    const server = await startS3Server()
    try {
      await server.createBucket('shop-dr')
      await writeSecrets(base)
      process.env['MUSTER_TEST_S3'] = `${server.accessKeyId}:${server.secretAccessKey}`
      const bucket = `type: s3, bucket: shop-dr, prefix: prod, endpoint: "${server.endpoint}"`
      await installation.apply(
        treeSites(base).replace(
          `{ type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }`,
          `{ ${bucket}, site: dr, credentials: { write: "env:MUSTER_TEST_S3" } }`,
        ),
      )
      for (const name of ['MUSTER_TEST_S3', 'MUSTER_TEST_KIT']) delete process.env[name]
      await writeFile(join(base, 'carried', 's3'), `${server.accessKeyId}:${server.secretAccessKey}`, { mode: 0o600 })
      await writeFile(join(base, 'store.yaml'), `{ ${bucket}, credentials: { write: "file:${base}/carried/s3" } }`)
      const opened = await open({ store: join(base, 'store.yaml') })
      assert.deepEqual(
        [opened.store, opened.config.number, opened.kit.lacks, opened.notes.filter((note) => !/other content/.test(note))],
        ['offsite', 3, [], []],
      )
      const environment: NodeJS.ProcessEnv = { MUSTER_TEST_KIT: 'set here' }
      loadKitEnvironment(dr, environment)
      assert.deepEqual(environment, { MUSTER_TEST_KIT: 'set here', MUSTER_TEST_S3: `${server.accessKeyId}:${server.secretAccessKey}` })
    } finally {
      delete process.env['MUSTER_TEST_S3']
      await server.stop()
    }
  })

  it('leaves a machine alone that has another configuration of the same installation', async () => {
    await rename(join(base, 'lost-secrets'), join(base, 'secrets'))
    await open()
    await installation.apply(treeSites(base, { every: 'daily 04:00' }))
    await assert.rejects(
      open(),
      failsWith('PreconditionFailed', /has a configuration already \([0-9a-f]{12}, number 2\); store "offsite" has [0-9a-f]{12}, number 3/),
    )
  })

  it('keeps a secret that is there with other content, and says so', async () => {
    await mkdir(join(base, 'secrets'))
    await writeFile(join(base, 'secrets', 'webhook'), 'mine')
    const { notes } = await open()
    assert.match(notes.join(), /secrets\/webhook was there with other content and counts/)
    assert.equal(await readFile(join(base, 'secrets', 'webhook'), 'utf8'), 'mine')
  })

  it('asks which host this machine is where that cannot be told', async () => {
    await assert.rejects(open({ host: 'gamma' }), failsWith('InvalidInput', /has no host "gamma"/))
    const opened = await open({ host: 'alpha', dryRun: true })
    assert.equal(opened.site, 'primary')
    assert.match(opened.notes.join(), /no recovery kit was used[\s\S]*the key of host alpha is missing/)
  })
})
