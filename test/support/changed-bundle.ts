import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import { withStubMap } from '../../workers/bundle.ts'

const root = join(import.meta.dirname, '..', '..')

/** The bundle of the workflows after one line of one file is replaced. */
export async function changedBundle(file: string, line: string, replacement: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'muster-changed-'))
  try {
    await cp(join(root, 'workflows'), join(copy, 'workflows'), { recursive: true })
    await mkdir(join(copy, 'workers'))
    for (const name of ['domain', 'activities', 'observability', 'node_modules']) await symlink(join(root, name), join(copy, name))
    const path = join(copy, 'workflows', file)
    const before = await readFile(path, 'utf8')
    assert.equal(before.split(line).length, 2, `${file} has not exactly one "${line}" to change`)
    await writeFile(path, before.replace(line, replacement))
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(copy, 'workflows', 'index.ts'),
      logger: new DefaultLogger('ERROR'),
      webpackConfigHook: (config) => ({ ...config, devtool: false }),
    })
    return withStubMap(code)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}
