import assert from 'node:assert/strict'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadSigner } from '../../adapters/crypto/signature.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import { configHash } from '../../config/canonical.ts'
import type { Config } from '../../domain/config.ts'
import { installationChain } from '../../domain/object-keys.ts'
import type { ControlRecord, KeyList } from '../../domain/repository-format.ts'
import { type ConfigDocuments, packDocuments, unpackDocuments } from '../../repository/config-documents.ts'
import { openDocument, signDocument } from '../../repository/signed-document.ts'
import { packedLimit } from '../../workflows/messages.ts'
import { newestHere, readAppliedConfig } from '../../wiring/applied-config.ts'
import { createConfigKeeper, type ConfigKeeper } from '../../wiring/config-keeper.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { createStore } from '../../wiring/stores.ts'
import { takeConfig } from '../../wiring/take-config.ts'
import { localKeyDocuments, localTrust } from '../../wiring/trust.ts'
import { createInstallation, type Installation, twoHosts } from '../support/installation.ts'

describe('a host takes a configuration', function () {
  this.timeout(30_000)
  let here: Installation

  beforeEach(async () => {
    here = await createInstallation()
  })
  afterEach(() => here.remove())

  const text = (every: string) => twoHosts(here.base, { every })

  /** What alpha was given last, as it is sent to others. */
  async function documents(places: Places = here.alpha): Promise<ConfigDocuments> {
    const newest = await newestHere(places)
    const folder = join(places.home, 'config')
    return {
      keyLists: (await localKeyDocuments(places)).map(({ bytes }) => Buffer.from(bytes)),
      applied: await readFile(join(folder, 'applied', `${String(newest?.number).padStart(8, '0')}.json`)),
      config: await readFile(join(folder, `${newest?.configHash}.json`)),
    }
  }

  async function signed(by: string, kind: 'config' | 'record' | 'keys', value: unknown): Promise<Buffer> {
    return signDocument(await loadSigner(join(here.alpha.keys, by)), kind, value)
  }

  function record(hash: string, number: number): ControlRecord {
    const body = { kind: 'config', configHash: hash, number } as const
    return {
      format: 'muster-record-1',
      organisation: 'Test',
      system: installationChain,
      sequence: number,
      previous: '0'.repeat(64),
      at: new Date().toISOString(),
      by: 'control',
      body,
    }
  }

  async function valueOf(bytes: Buffer): Promise<Config> {
    return openDocument<Config>((await localTrust(here.alpha)).verifier, 'config', bytes, 'test').value
  }

  const filesOf = async ({ home }: Places) => (await readdir(home, { recursive: true })).sort()

  it('with its key list, the first time, and again without change', async () => {
    const { configHash: hash } = await here.apply(text('daily 02:00'))
    const given = await documents()
    assert.deepEqual(await takeConfig(here.beta, given), { configHash: hash, number: 1, isNew: true })
    const before = await filesOf(here.beta)
    assert.deepEqual(await takeConfig(here.beta, given), { configHash: hash, number: 1, isNew: false })
    assert.deepEqual(await filesOf(here.beta), before)
    const { config } = await readAppliedConfig(here.beta, (await localTrust(here.beta)).verifier, null)
    assert.equal(configHash(config), hash)
  })

  it('also when two processes take it at the same moment', async () => {
    await here.apply(text('daily 02:00'))
    const given = await documents()
    const taken = await Promise.all([1, 2, 3, 4].map(() => takeConfig(here.beta, given)))
    assert.deepEqual(new Set(taken.map(({ number }) => number)), new Set([1]))
    assert.equal((await newestHere(here.beta))?.number, 1)
    assert.deepEqual(
      (await filesOf(here.beta)).filter((name) => !/(^|\/)(config|keys|applied)$|\.json$/.test(name)),
      [],
    )
  })

  it('but not without a pinned fingerprint, nor what another root key stands behind', async () => {
    await here.apply(text('daily 02:00'))
    const given = await documents()
    const other = await createInstallation()
    try {
      await other.apply(twoHosts(other.base, { every: 'daily 05:00' }))
      const foreign = await documents(other.alpha)
      await assert.rejects(takeConfig(here.beta, foreign), { type: 'KeyNotTrusted', message: /signed by SHA256:.* pinned is/ })
      await takeConfig(here.beta, given)
      await assert.rejects(takeConfig(here.beta, { ...given, config: foreign.config }), { type: 'KeyNotTrusted' })
      await assert.rejects(takeConfig(here.beta, { ...given, applied: foreign.applied }), { type: 'KeyNotTrusted' })
    } finally {
      await other.remove()
    }
    await rm(join(here.beta.keys, keyFiles.fingerprint))
    await assert.rejects(takeConfig(here.beta, given), { type: 'KeyNotTrusted', message: /no root fingerprint is pinned/ })
  })

  it('but not what was changed, what a host key signed, or what belongs to another number', async () => {
    await here.apply(text('daily 02:00'))
    const given = await documents()
    const value = await valueOf(given.config)
    const wanted = { ...value, organisation: 'Test', systems: {} }
    const hash = configHash(wanted)
    const edited = Buffer.from(given.config.toString('utf8').replace('daily 02:00', 'daily 09:00'))
    const refused: readonly [ConfigDocuments, string][] = [
      [{ ...given, config: edited }, 'SignatureInvalid'],
      [{ ...given, applied: Buffer.from(given.applied.toString('utf8').replace('"number":1', '"number":7')) }, 'SignatureInvalid'],
      // A host may sign records and is believed for its own; not for what was applied.
      [
        { ...given, applied: await signed(keyFiles.host('beta'), 'record', record(hash, 9)), config: await signed(keyFiles.control, 'config', wanted) },
        'KeyNotTrusted',
      ],
      [
        { ...given, applied: await signed(keyFiles.control, 'record', record(hash, 9)), config: await signed(keyFiles.host('beta'), 'config', wanted) },
        'KeyNotTrusted',
      ],
      [{ ...given, applied: await signed(keyFiles.control, 'record', record(hash, 9)) }, 'ConfigInvalid'],
      [{ ...given, applied: await signed(keyFiles.control, 'record', { ...record(hash, 9), system: 'shop' }) }, 'ManifestInvalid'],
      [{ ...given, applied: given.config }, 'SignatureInvalid'],
      [{ ...given, keyLists: [] }, 'KeyNotTrusted'],
    ]
    for (const [documents, type] of refused) await assert.rejects(takeConfig(here.beta, documents), { type }, type)
    assert.equal(await newestHere(here.beta), null)
    assert.deepEqual(await filesOf(here.beta), [])
  })

  it('but not an older one: a queue that replays it changes nothing', async () => {
    const first = await here.apply(text('daily 02:00'))
    const old = await documents()
    const second = await here.apply(text('daily 03:00'))
    await takeConfig(here.beta, await documents())
    await assert.rejects(takeConfig(here.beta, old), { type: 'PreconditionFailed', message: /number 2; .* number 1, is older/ })
    assert.equal((await newestHere(here.beta))?.configHash, second.configHash)
    // Going back on purpose is a new number of the old configuration.
    const back = await here.apply(text('daily 02:00'))
    assert.equal(back.configHash, first.configHash)
    assert.deepEqual(await takeConfig(here.beta, await documents()), { configHash: first.configHash, number: 3, isNew: true })
  })

  it('but not a second one of the same number', async () => {
    await here.apply(text('daily 02:00'))
    const given = await documents()
    await takeConfig(here.beta, given)
    const other = { ...(await valueOf(given.config)), systems: {} }
    const twin = {
      ...given,
      config: await signed(keyFiles.control, 'config', other),
      applied: await signed(keyFiles.control, 'record', record(configHash(other), 1)),
    }
    await assert.rejects(takeConfig(here.beta, twin), { type: 'PreconditionFailed', message: /two configurations were applied as number 1/ })
  })

  it("but not another organisation's, although the same keys made it", async () => {
    await here.apply(text('daily 02:00'))
    await takeConfig(here.beta, await documents())
    const other = { ...(await valueOf((await documents()).config)), organisation: 'Other' }
    const applied = await signed(keyFiles.control, 'record', { ...record(configHash(other), 9), organisation: 'Other' })
    const foreign = { ...(await documents()), applied, config: await signed(keyFiles.control, 'config', other) }
    await assert.rejects(takeConfig(here.beta, foreign), { type: 'WrongTarget', message: /works for "Test"/ })
  })

  it('with a key list that goes on from the one it has, and with none that does not', async () => {
    await here.apply(text('daily 02:00'))
    const given = await documents()
    await takeConfig(here.beta, given)
    const [firstList] = given.keyLists as [Buffer]
    const line = firstList.toString('utf8').split('\n')[0] as string
    const { textSha256 } = openDocument({ verify: () => ({ publicKey: '', name: null, validFrom: null }) }, 'keys', firstList, 'test')
    const next: KeyList = { ...(JSON.parse(line) as KeyList), sequence: 2, previous: textSha256 }
    const list = (value: KeyList) => signed(keyFiles.root, 'keys', value)
    const withLists = (...keyLists: Buffer[]): ConfigDocuments => ({ ...given, keyLists })
    await assert.rejects(takeConfig(here.beta, withLists(firstList, await list({ ...next, previous: 'ab'.repeat(32) }))), {
      type: 'KeyNotTrusted',
      message: /chain of key lists is broken/,
    })
    await assert.rejects(takeConfig(here.beta, withLists(await list(next))), { type: 'KeyNotTrusted', message: /broken/ })
    await assert.rejects(takeConfig(here.beta, withLists(await list({ ...next, sequence: 1, previous: '0'.repeat(64), keys: next.keys.slice(0, 1) }))), {
      type: 'KeyNotTrusted',
      message: /key list 1 is not the one that this host has/,
    })
    await assert.rejects(takeConfig(here.beta, withLists(firstList, await signed(keyFiles.control, 'keys', next))), { type: 'KeyNotTrusted' })
    assert.equal((await localKeyDocuments(here.beta)).length, 1)
    await takeConfig(here.beta, withLists(firstList, await list(next)))
    assert.equal((await localKeyDocuments(here.beta)).length, 2)
    // The shorter chain is no step back.
    await takeConfig(here.beta, given)
    assert.equal((await localTrust(here.beta)).list.sequence, 2)
  })

  describe('from a store', () => {
    let keeper: ConfigKeeper

    beforeEach(async () => {
      const secrets = createSecretResolver()
      const quiet = { info: () => undefined, warn: () => undefined }
      const signer = () => loadSigner(join(here.beta.keys, keyFiles.host('beta')))
      keeper = createConfigKeeper({
        places: here.beta,
        host: 'beta',
        openStore: async (config, name) => createStore(config, name, secrets),
        signer,
        log: quiet,
      })
    })

    it('when it was away at an apply: the newest, and any that a run names', async () => {
      await here.apply(text('daily 02:00'))
      await keeper.take(await documents())
      const second = await here.apply(text('daily 03:00'))
      const third = await here.apply(text('daily 04:00'))
      // A run names the second: it is found, and with it that there is a third.
      assert.equal((await keeper.config(second.configHash)).hash, second.configHash)
      assert.equal((await newestHere(here.beta))?.configHash, third.configHash)
      const fourth = await here.apply(text('daily 05:00'))
      assert.deepEqual(await keeper.catchUp(), { configHash: fourth.configHash, number: 4, isNew: true })
      assert.deepEqual(await keeper.catchUp(), { configHash: fourth.configHash, number: 4, isNew: false })
    })

    it('and says where it looked when no store has it; a forged one is not taken', async () => {
      await assert.rejects(keeper.config('ab'.repeat(32)), { type: 'KeyNotTrusted', message: /no key list yet/ })
      await here.apply(text('daily 02:00'))
      await keeper.take(await documents())
      const second = await here.apply(text('daily 03:00'))
      await assert.rejects(keeper.config('ab'.repeat(32)), { type: 'ObjectMissing', message: /no store gives it: shared: .*config\/abab/ })
      const path = join(here.base, 'stores', 'shared', 'config', `${second.configHash}.json`)
      const genuine = await readFile(path, 'utf8')
      await rm(path)
      await writeFile(path, genuine.replace('daily 03:00', 'daily 06:00'))
      await assert.rejects(keeper.config(second.configHash), { type: 'ObjectMissing', message: /signature of the config is not of this text/ })
      await rm(path)
      await writeFile(path, genuine)
      const store = join(here.base, 'stores', 'shared')
      await rename(store, `${store}.away`)
      await assert.rejects(keeper.config('cd'.repeat(32)), { type: 'ObjectMissing', message: /is not there/ })
      await assert.rejects(keeper.catchUp(), { type: 'Unreachable', message: /no store says which configuration was applied: shared/ })
    })

    it('never backwards: a store that was rolled back to an older day is passed by', async () => {
      await here.apply(text('daily 02:00'))
      const second = await here.apply(text('daily 03:00'))
      await keeper.take(await documents())
      await rm(join(here.base, 'stores', 'shared', 'records', '_installation', '00000002.json'))
      assert.deepEqual(await keeper.catchUp(), { configHash: second.configHash, number: 2, isNew: false })
    })

    it('goes on above what this host knows when every store was lost', async () => {
      await here.apply(text('daily 02:00'))
      await here.apply(text('daily 03:00'))
      await keeper.take(await documents())
      await rm(join(here.base, 'stores'), { recursive: true })
      const after = await here.apply(text('daily 04:00'))
      assert.deepEqual(await keeper.take(await documents()), { configHash: after.configHash, number: 3, isNew: true })
    })
  })

  it('packed small enough for a run, and refuses what unpacks to something else', async () => {
    await here.apply(text('daily 02:00'))
    const given = await documents()
    const packed = packDocuments(given)
    assert.ok(packed.length < packedLimit / 4, `${packed.length} bytes`)
    assert.deepEqual(unpackDocuments(packed), given)
    for (const wrong of ['', 'AAAA', Buffer.from('{}').toString('base64')]) assert.throws(() => unpackDocuments(wrong), { type: 'InvalidInput' })
  })
})
