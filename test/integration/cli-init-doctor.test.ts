import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DoctorFinding } from '../../clients/cli/desk.ts'
import { groupFindings } from '../../clients/cli/doctor.ts'
import { applyHere } from '../../wiring/apply.ts'
import { examine } from '../../wiring/doctor.ts'
import { initialise, type InitOptions } from '../../wiring/init.ts'
import { ensureKeyList } from '../../wiring/keys.ts'
import { loadHere } from '../../wiring/load-here.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'

/** A place of its own for one installation: configuration, state, keys, a tree, stores. */
async function createHome(): Promise<{ base: string; places: Places; options: InitOptions }> {
  const base = await mkdtemp(join(tmpdir(), 'muster-init-'))
  // As a real home is not: the database's operating-system user has to pass.
  await chmod(base, 0o755)
  await mkdir(join(base, 'tree'))
  await writeFile(join(base, 'tree', 'logo.png'), 'logo')
  const places = { configFile: join(base, 'muster.yaml'), home: join(base, 'home'), keys: join(base, 'keys') }
  const options = { organisation: 'Kennel', system: 'kennel', store: join(base, 'local'), paths: [join(base, 'tree')], force: false }
  return { base, places, options }
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8)
}

function messages(findings: readonly DoctorFinding[], severity: DoctorFinding['severity'], about = ''): string[] {
  return findings.filter((one) => one.severity === severity && one.about.startsWith(about)).map(({ about: what, message }) => `${what}: ${message}`)
}

describe('muster init and muster doctor', function () {
  this.timeout(90_000)
  let cluster: TestCluster
  let home: Awaited<ReturnType<typeof createHome>>
  const address = process.env['TEMPORAL_ADDRESS']

  before(async () => {
    cluster = await createCluster()
    // Where nobody ever listens: a port that is free now is another test's a moment later.
    process.env['TEMPORAL_ADDRESS'] = '127.0.0.1:1'
  })
  after(async () => {
    if (address === undefined) delete process.env['TEMPORAL_ADDRESS']
    else process.env['TEMPORAL_ADDRESS'] = address
    await cluster.destroy()
  })
  beforeEach(async () => {
    home = await createHome()
  })
  afterEach(async () => {
    await rm(home.base, { recursive: true, force: true })
  })

  const init = (changes: Partial<InitOptions> = {}) => initialise(home.places, { ...home.options, dataDirectory: cluster.directory, ...changes })
  const doctor = (system: string | null = null) => examine(home.places, { system })

  /** What a person does with the printed SQL. */
  async function giveRole(): Promise<void> {
    await cluster.sql('drop owned by muster')
    await cluster.sql('drop role muster')
    await cluster.sql(await readFile(join(home.places.keys, 'postgresql-role.sql'), 'utf8'))
  }

  async function apply(): Promise<void> {
    const { places } = home
    await applyHere(places, { config: (await loadHere(places)).config, temporal: null })
  }

  describe('init', () => {
    it('makes keys that only their owner can read, and a configuration of this machine that is valid', async () => {
      const { places } = home
      const result = await init()
      assert.equal(await modeOf(places.keys), '700')
      for (const name of await readdir(places.keys)) {
        if (!name.endsWith('.pub')) assert.equal(await modeOf(join(places.keys, name)), '600', name)
      }
      assert.match(result.rootFingerprint, /^SHA256:/)
      const { config } = await loadHere(places)
      const { database, files } = config.systems['kennel']?.components ?? {}
      assert.equal(database?.type === 'postgresql' && database.dataDirectory, cluster.directory)
      assert.equal(database?.type === 'postgresql' && database.connection.port, cluster.port)
      assert.deepEqual(files?.type === 'files' && files.paths, home.options.paths)
      assert.deepEqual(config.encryption.recipients, result.recipients)
    })

    it('tells the rights the role needs without telling its password', async () => {
      const result = await init()
      const said = result.notes.join('\n')
      const password = (await readFile(join(home.places.keys, 'postgresql.password'), 'utf8')).trim()
      assert.match(said, /grant pg_monitor to muster/)
      assert.ok(password.length >= 24)
      assert.ok(!said.includes(password))
      assert.ok(!(await readFile(home.places.configFile, 'utf8')).includes(password))
    })

    it('keeps every key and the configuration when it is called again, and says so', async () => {
      const { places } = home
      const first = await init()
      const keep = async () => Promise.all((await readdir(places.keys)).map((name) => readFile(join(places.keys, name), 'utf8')))
      const before = await keep()
      const config = await readFile(places.configFile, 'utf8')
      const second = await init()
      assert.deepEqual(second.created, [])
      assert.equal(second.rootFingerprint, first.rootFingerprint)
      assert.deepEqual(await keep(), before)
      assert.equal(await readFile(places.configFile, 'utf8'), config)
      assert.match(second.notes.join('\n'), /was there already/)
    })

    it('goes on where it was killed between two keys', async () => {
      const { places } = home
      await init()
      for (const name of [keyFiles.control, `${keyFiles.control}.pub`, keyFiles.identity, keyFiles.recipients, keyFiles.fingerprint, `${keyFiles.root}.pub`])
        await rm(join(places.keys, name))
      await rm(places.configFile)
      // What a full disk leaves.
      await writeFile(join(places.keys, `${keyFiles.host('localhost')}.pub`), '')
      await writeFile(join(places.keys, keyFiles.identity), '')
      const result = await init()
      assert.ok(result.created.includes(join(places.keys, keyFiles.control)))
      assert.ok(!result.created.includes(join(places.keys, keyFiles.root)))
      await ensureKeyList(places, (await loadHere(places)).config)
    })

    it('keeps the pinned fingerprint where the root key has been moved away, and refuses another root key', async () => {
      const { places, base } = home
      const { rootFingerprint } = await init()
      for (const name of [keyFiles.root, `${keyFiles.root}.pub`]) await rename(join(places.keys, name), join(base, name))
      const again = await init()
      assert.equal(again.rootFingerprint, rootFingerprint)
      assert.ok(!(await readdir(places.keys)).includes(keyFiles.root))
      const other = await createHome()
      try {
        await initialise(other.places, { ...other.options, dataDirectory: cluster.directory })
        for (const name of [keyFiles.root, `${keyFiles.root}.pub`]) await rename(join(other.places.keys, name), join(places.keys, name))
        await assert.rejects(init(), { type: 'KeyNotTrusted' })
      } finally {
        await rm(other.base, { recursive: true, force: true })
      }
    })

    it('does not hide the loss of a key that the signed list names by making a new one', async () => {
      const { places } = home
      await init()
      await ensureKeyList(places)
      await rm(join(places.keys, keyFiles.control))
      await assert.rejects(init(), { type: 'KeyNotTrusted', message: /control_ed25519 is missing/ })
    })

    it('changes nothing where there is nothing to protect or the store lies inside of it', async () => {
      await assert.rejects(init({ dataDirectory: '/nowhere' }), { type: 'UnknownName' })
      await assert.rejects(init({ store: join(home.base, 'tree', 'store') }), { type: 'ConfigInvalid' })
      assert.deepEqual((await readdir(home.base)).sort(), ['tree'])
    })

    it('signs the first key list once, also when two do it at the same moment, and finds it again in a store', async () => {
      const { places } = home
      await init()
      const { config } = await loadHere(places)
      const [one, two] = await Promise.all([ensureKeyList(places), ensureKeyList(places)])
      assert.ok(one.bytes.equals(two.bytes))
      await apply()
      await rm(places.home, { recursive: true })
      const again = await ensureKeyList(places, config)
      assert.ok(again.bytes.equals(one.bytes))
    })

    it('writes a new configuration with force and keeps the old one', async () => {
      await init()
      await writeFile(home.places.configFile, 'mine: yes\n')
      const result = await init({ force: true })
      const kept = (await readdir(home.base)).find((name) => name.startsWith('muster.yaml.'))
      assert.ok(kept)
      assert.equal(await readFile(join(home.base, kept), 'utf8'), 'mine: yes\n')
      assert.match(result.notes.join('\n'), /the old configuration is kept/)
      await loadHere(home.places)
    })
  })

  describe('doctor', () => {
    it('finds no problem on a fresh machine once the role is there, and says what is still to come', async () => {
      await init()
      await giveRole()
      const findings = await doctor()
      assert.deepEqual(messages(findings, 'problem'), [])
      const warnings = messages(findings, 'warning').join('\n')
      assert.match(warnings, /temporal: Temporal does not answer/)
      assert.match(warnings, /nothing was applied/)
      assert.match(warnings, /every copy of database, files is lost with its host/)
      assert.match(warnings, /whoever takes this host reads its backups/)
      assert.match(warnings, /root key is on this host/)
      const good = messages(findings, 'ok').join('\n')
      assert.match(good, /a replication connection works/)
      assert.match(good, /the identity on this host reads what is encrypted/)
      assert.ok(findings.every(({ severity, hint }) => severity === 'ok' || (hint !== null && hint !== '')))
    })

    it('finds Temporal and the WAL shipper missing once a configuration is applied, and stores that carry its mark', async () => {
      await init()
      await giveRole()
      await writeFile(
        home.places.configFile,
        (await readFile(home.places.configFile, 'utf8')).replace(
          '  #offsite:',
          `  second: { type: directory, path: ${join(home.base, 'second')} }\n  #offsite:`,
        ),
      )
      await apply()
      const findings = await doctor('kennel')
      const problems = messages(findings, 'problem')
      assert.equal(problems.length, 2, problems.join('\n'))
      assert.match(problems.join('\n'), /temporal: Temporal does not answer/)
      assert.match(problems.join('\n'), /WAL shipper of localhost: .*WAL is not being stored/)
      assert.match(messages(findings, 'ok', 'store second').join('\n'), /it is store "second"/)
      assert.match(messages(findings, 'warning', 'stores').join('\n'), /count as one copy/)
      // Probes leave nothing.
      assert.deepEqual(
        (await readdir(join(home.base, 'local'))).filter((name) => name.startsWith('muster-probe')),
        [],
      )
      const groups = groupFindings(findings)
      assert.ok(groups.at(-1)?.findings.at(-1)?.severity === 'problem')
    })

    it('names each thing that is wrong with keys, and how to mend it', async () => {
      const { places } = home
      await init()
      await giveRole()
      await apply()
      await chmod(places.keys, 0o755)
      await chmod(join(places.keys, keyFiles.identity), 0o644)
      await rm(join(places.keys, keyFiles.recipients))
      const stranger = await createHome()
      try {
        await initialise(stranger.places, { ...stranger.options, dataDirectory: cluster.directory })
        await writeFile(join(places.keys, `${keyFiles.host('localhost')}.pub`), await readFile(join(stranger.places.keys, `${keyFiles.host('localhost')}.pub`)))
        await writeFile(join(places.keys, keyFiles.identity), await readFile(join(stranger.places.keys, keyFiles.identity)))
      } finally {
        await rm(stranger.base, { recursive: true, force: true })
      }
      const found = await doctor()
      const problems = messages(found, 'problem').join('\n')
      assert.match(problems, /is open to others \(0755\)/)
      assert.match(problems, /identity\.txt can be read by others/)
      assert.match(problems, /recipients\.txt is missing/)
      assert.match(problems, /host_localhost_ed25519\.pub is not in the signed key list/)
      assert.match(problems, /encryption: no identity in .* matched any of the recipients/)
      assert.ok(found.some(({ hint }) => hint === `chmod 700 ${places.keys}`))
    })

    it('says what a role lacks, what the server refuses, and goes on when it is down', async () => {
      await init()
      await giveRole()
      await cluster.sql('alter role muster noreplication; revoke pg_monitor from muster')
      const without = messages(await doctor(), 'problem', 'database')
      assert.match(without.join('\n'), /may not read the server's settings/)
      await cluster.sql('grant pg_monitor to muster')
      const streaming = messages(await doctor(), 'problem', 'database').join('\n')
      assert.match(streaming, /lacks REPLICATION/)
      assert.match(streaming, /a replication connection is refused/)
      await cluster.stop()
      try {
        const down = await doctor()
        assert.match(messages(down, 'problem', 'database').join('\n'), /kennel\/database/)
        assert.match(messages(down, 'ok', 'tree').join('\n'), /all readable/)
      } finally {
        await cluster.start()
        await cluster.sql('alter role muster replication')
      }
    })

    it('tells another installation in the store, another data directory and a missing tree', async () => {
      const { places, base } = home
      await init()
      await giveRole()
      await apply()
      const text = await readFile(places.configFile, 'utf8')
      const other = await createHome()
      try {
        await initialise(other.places, { ...other.options, store: join(base, 'local'), dataDirectory: cluster.directory })
        assert.match(messages(await examine(other.places, { system: null }), 'problem', 'store local').join('\n'), /belongs to another installation/)
      } finally {
        await rm(other.base, { recursive: true, force: true })
      }
      await writeFile(places.configFile, text.replace(cluster.directory, join(base, 'elsewhere')).replace(/paths: .*/, `paths: [${join(base, 'gone')}]`))
      const findings = await doctor()
      assert.match(
        messages(findings, 'problem', 'database').join('\n'),
        /is not the server of|cannot tell which operating-system user|no data directory|not exist/,
      )
      assert.match(messages(findings, 'problem', 'tree').join('\n'), /gone/)
      assert.match(messages(findings, 'warning', 'configuration').join('\n'), /changed since it was applied/)
    })

    it('never throws: a broken configuration, no keys and an unknown system are findings', async () => {
      const nothing = await doctor()
      assert.match(messages(nothing, 'problem', 'configuration').join('\n'), /there is no .*muster\.yaml/)
      assert.match(messages(nothing, 'problem', 'keys').join('\n'), /there is no key directory/)
      await init()
      assert.match(messages(await doctor('nosuch'), 'problem').join('\n'), /there is no system "nosuch"/)
      await writeFile(home.places.configFile, 'organisation: [\n')
      assert.ok(messages(await doctor(), 'problem', 'configuration').length > 0)
    })
  })
})
