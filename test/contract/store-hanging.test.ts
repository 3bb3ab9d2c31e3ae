import assert from 'node:assert/strict'
import { constants, type FileHandle, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAnswering } from '../../adapters/store/answering.ts'
import { createDirectoryStore } from '../../adapters/store/directory.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { Store } from '../../adapters/store/store.ts'
import { failsWith } from '../support/fails-with.ts'
import { holdFile } from '../support/held-file.ts'
import { directoryConfig, directoryStore, makeFolder, removeFolder } from '../support/store-labs.ts'
import { keysOf, makeFile } from './store-suite.ts'

/** More than this process has threads for. */
const many = 8

describe('a directory store whose file system hangs', function () {
  this.timeout(60_000)
  let folder: string
  let held: { letGo(): Promise<void> } | null
  let store: Store
  let path: string

  beforeEach(async () => {
    held = null
    folder = await makeFolder()
    path = join(folder, 'nas')
    await mkdir(path)
    store = createDirectoryStore('nas', directoryConfig(path), { answerSeconds: 3 })
  })
  afterEach(async () => {
    await held?.letGo()
    await removeFolder(folder)
  })

  /** From then on who opens the object to compare it waits in the kernel. */
  async function hang() {
    const file = await makeFile(folder, 1000)
    await store.putFile('a/file', file)
    held = await holdFile(join(path, 'a/file'))
    return file
  }
  const notAnswering = () => failsWith('Unreachable', new RegExp(`the file system at ${path} has not answered since 20\\S+Z: opening ${path}/a/file$`))

  it('says which one has not answered since when, and what to do', async () => {
    const file = await hang()
    await assert.rejects(store.putFile('a/file', file), (error: Error & { hint?: string }) => {
      assert.match(error.hint ?? '', new RegExp(`file server of ${path}.*umount --force --lazy ${path}`))
      return notAnswering()(error)
    })
  })

  it('is not asked again until it has answered, whoever asks, and then goes on', async () => {
    const file = await hang()
    await assert.rejects(store.putFile('a/file', file), notAnswering())
    for (const one of [store, directoryStore(path)]) {
      await assert.rejects(one.readBytes('a/file'), notAnswering())
      await assert.rejects(one.stat('a/file'), notAnswering())
      await assert.rejects(one.putBytes('a/other', Buffer.from('x')), notAnswering())
      await assert.rejects(keysOf(one, ''), notAnswering())
      assert.match((await one.probe({ write: false })).problem ?? '', /has not answered since/)
    }
    await held?.letGo()
    // What it owed arrives by an event: who asks without a pause keeps it from arriving.
    while ((await store.stat('a/file').catch(() => null)) === null) await sleep(10)
    assert.equal(await store.putFile('a/file', file), 'exists')
  })

  it('takes one thread of this process, however many wait for it', async () => {
    const file = await hang()
    const waiting = Array.from({ length: many }, () => store.putFile('a/file', file).catch((error: unknown) => error))
    const other = directoryStore(folder)
    assert.equal(await other.putBytes('local/one', Buffer.from('x')), 'created')
    for (const error of await Promise.all(waiting)) notAnswering()(error)
    assert.deepEqual(await keysOf(other, 'local/'), ['local/one'])
  })
})

describe('what is asked of a file system that may hang', function () {
  this.timeout(20_000)
  let folder: string
  let fifo: string

  beforeEach(async () => {
    folder = await makeFolder()
    fifo = join(folder, 'fifo')
    await runTool('mkfifo', [fifo])
  })
  afterEach(() => removeFolder(folder))

  it('is one question at a time, refused at once while an answer is owed; what comes late is closed', async () => {
    const { ask } = createAnswering(fifo, 0.5)
    const read = () =>
      ask(
        'opening it',
        () => open(fifo, 'r'),
        (handle) => handle.close(),
      )
    let writer: FileHandle | null = null
    try {
      const refused = await Promise.all(Array.from({ length: many }, () => read().catch((error: unknown) => error)))
      for (const error of refused) failsWith('Unreachable', /has not answered since/)(error)
      await writeFile(join(folder, 'else'), 'x')
      assert.equal(await readFile(join(folder, 'else'), 'utf8'), 'x')
    } finally {
      // Lets go whoever waits to read.
      writer = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    }
    await untilClosed(writer)
    assert.equal(await ask('looking', async () => 'there'), 'there')
  })

  /** Once nobody reads any more, writing fails. */
  async function untilClosed(writer: FileHandle): Promise<void> {
    try {
      await assert.rejects(
        async () => {
          for (let tries = 0; tries < 10_000; tries++) await writer.write('x')
        },
        { code: 'EPIPE' },
      )
    } finally {
      await writer.close()
    }
  }
})
