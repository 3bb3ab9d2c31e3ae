/**
 * Which files a plan would change, from the stores: they are encrypted there, and nowhere else, so that a host shows them
 * that has an age identity.
 */
import type { Config } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { ShownDifference, StoredDifference } from '../../domain/shown-difference.ts'
import { differenceKinds } from '../../domain/tree-difference.ts'
import { readDifference } from '../../repository/differences.ts'
import type { RestorePlan } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'

export interface TreeFilesOptions {
  readonly files?: boolean
  readonly identity?: string
}

export const filesOption = ['--files', 'with the plan: every file that would be added, changed, removed or kept'] as const

const firstLines = 20

/**
 * Shows the first of them, or all with `--files`.
 * @returns all, where they were asked for @throws MusterError where they were, and cannot be read
 */
export async function showTreeFiles(
  desk: Desk,
  config: Config,
  plan: RestorePlan,
  options: TreeFilesOptions,
): Promise<{ readonly files?: readonly StoredDifference[] }> {
  const differences = (plan.differences ?? []).filter(isListed)
  try {
    const files = await Promise.all(differences.map((one) => readOne(desk, config, one, options.identity ?? null)))
    for (const one of files) show(desk, one, options.files ? one.lines.length : firstLines)
    return options.files ? { files } : {}
  } catch (error) {
    if (!(error instanceof MusterError) || options.files) throw error
    desk.out.line(`  which files   ${error.message}; ${error.hint}`)
    return {}
  }
}

/** Where everything is the same there is nothing to list. */
function isListed({ problem, counts }: ShownDifference): boolean {
  return problem === null && differenceKinds.some((kind) => counts[kind] > 0)
}

async function readOne(desk: Desk, config: Config, difference: ShownDifference, identityFile: string | null): Promise<StoredDifference> {
  const decryption = await desk.decryption(config, identityFile)
  const verifier = await desk.verifier()
  const problems: string[] = []
  for (const name of difference.stores) {
    try {
      return await readDifference(await desk.store(config, name), verifier, decryption, difference)
    } catch (error) {
      if (!(error instanceof MusterError) || error.type === 'IdentityMissing') throw error
      problems.push(`${name}: ${error.message}`)
    }
  }
  const why = problems.length > 0 ? problems.join('; ') : 'no store took them'
  throw new MusterError('ObjectMissing', `the names of files of ${difference.component} cannot be read (${why})`, {
    hint: 'make the plan again, on a host that reaches its stores',
  })
}

function show({ out }: Desk, { component, host, lines, omitted }: StoredDifference, most: number): void {
  out.line()
  out.line(`  ${component} on ${host}`)
  for (const line of lines.slice(0, most)) out.line(`    ${line}`)
  if (lines.length > most) out.line(`    and ${lines.length - most + omitted} more: --plan --files`)
  else if (omitted > 0) out.line(`    and ${omitted} more that are not kept`)
}
