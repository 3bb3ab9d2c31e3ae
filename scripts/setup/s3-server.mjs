import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { goInstall } from './go-install.mjs'
import { ensureTool } from './installed-tool.mjs'
import { versions } from './places.mjs'
import { SetupError } from './progress.mjs'
import { run } from './run.mjs'

const { version, releases } = versions.versitygw
const quietSeconds = 20

/** The S3 server of demo and tests. */
export async function ensureS3Server(progress) {
  const tool = {
    name: 'versitygw',
    label: 's3 server',
    fits: (output) => new RegExp(`Version\\s*:\\s*v?${version.replaceAll('.', '\\.')}\\b`).test(output),
  }
  await ensureTool(progress, tool, [
    (draft) => downloadRelease(progress, draft),
    goInstall(progress, { name: 'versitygw', label: 's3 server', about: 'about 80 s' }),
  ])
}

/** Its project's release for this machine; null when it does not arrive, an error when it is not what was pinned. */
async function downloadRelease(progress, draft) {
  const release = releases[`${process.platform}-${process.arch}`]
  if (release === undefined) return null
  progress.note('looking for a ready one')
  const archive = join(draft, 'release.tar.gz')
  try {
    await download(release.url, archive)
  } catch {
    return null
  }
  const hash = createHash('sha256')
  await pipeline(createReadStream(archive), hash)
  if (hash.digest('hex') !== release.sha256) {
    throw new SetupError('s3 server', `what ${release.url} gave does not have the pinned sha256`, [
      `# find out why, or build it: go install ${versions.versitygw.goPackage}    # then put it on PATH`,
    ])
  }
  const unpacked = await run('tar', ['-xzf', archive, '-C', draft, '--strip-components=1', '--wildcards', '*/versitygw'])
  return unpacked.code === 0 ? join(draft, 'versitygw') : null
}

async function download(url, path) {
  const quiet = new AbortController()
  const timer = setTimeout(() => quiet.abort(), quietSeconds * 1000)
  try {
    const response = await fetch(url, { signal: quiet.signal })
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`)
    const body = Readable.fromWeb(response.body)
    body.on('data', () => timer.refresh())
    await pipeline(body, createWriteStream(path), { signal: quiet.signal })
  } finally {
    clearTimeout(timer)
  }
}
