import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { goInstall } from './go-install.mjs'
import { ensureTool } from './installed-tool.mjs'
import { root, versions } from './places.mjs'
import { run } from './run.mjs'

const { version, serverVersion } = versions.temporal
const quietSeconds = 20

/** Temporal's command line, which carries the development server and its UI. */
export async function ensureTemporal(progress) {
  const tool = {
    name: 'temporal',
    label: 'temporal',
    // One that was built from its module does not know its own version, but its server's.
    fits: (output) => output.includes(`version ${version} `) || output.includes(`(Server ${serverVersion},`),
  }
  await ensureTool(progress, tool, [
    (draft) => downloadBySdk(progress, draft),
    goInstall(progress, { name: 'temporal', label: 'temporal', about: 'about 2 min' }),
  ])
}

/** The SDK downloads, unpacks and starts it; given up when nothing arrives for some seconds. */
async function downloadBySdk(progress, draft) {
  progress.note('looking for a ready one')
  const program = `
    import { TestWorkflowEnvironment } from '@temporalio/testing'
    const executable = { type: 'cached-download', version: 'v${version}', downloadDir: process.env.DRAFT }
    const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } })
    await environment.teardown()
    process.exit(0)`
  let seenBytes = -1
  let seenAt = Date.now()
  const watch = () => {
    const bytes = sizeOf(draft)
    if (bytes !== seenBytes) [seenBytes, seenAt] = [bytes, Date.now()]
    return Date.now() - seenAt < quietSeconds * 1000
  }
  const result = await run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: root,
    env: { ...process.env, DRAFT: draft },
    timeoutSeconds: 600,
    watch,
  })
  const binary = readdirSync(draft).find((name) => name.startsWith('temporal-') && !name.endsWith('.downloading'))
  return result.code === 0 && binary !== undefined ? join(draft, binary) : null
}

function sizeOf(directory) {
  return readdirSync(directory).reduce((sum, name) => {
    return sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0)
  }, 0)
}
