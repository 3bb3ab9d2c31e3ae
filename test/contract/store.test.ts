import { join } from 'node:path'
import { startS3Server } from '../support/s3-server.ts'
import { mountTmpfs } from '../support/mounts.ts'
import { directoryStore, makeFolder, removeFolder, s3Store } from '../support/store-labs.ts'
import { mkdir } from 'node:fs/promises'
import { storeSuite } from './store-suite.ts'

storeSuite('a folder on the filesystem of the sources', async () => {
  const sources = await makeFolder()
  await mkdir(join(sources, 'store'))
  return { store: directoryStore(join(sources, 'store')), sources, stop: () => removeFolder(sources) }
})

storeSuite('a folder on a mount of its own', async () => {
  const sources = await makeFolder()
  const mount = await mountTmpfs(join(sources, 'store'), 200)
  return {
    store: directoryStore(mount.path, true),
    sources,
    stop: async () => {
      await mount.unmount()
      await removeFolder(sources)
    },
  }
})

storeSuite('a bucket', async () => {
  const sources = await makeFolder()
  const server = await startS3Server()
  await server.createBucket('muster')
  return {
    store: s3Store(server),
    sources,
    stop: async () => {
      await server.stop()
      await removeFolder(sources)
    },
  }
})
