import { MusterError } from '../../../domain/failures.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import { leftOutBy } from '../../../domain/tree-rules.ts'
import { readManifest } from '../../../repository/catalog.ts'
import type { CarriedOver } from '../../../adapters/component/files/carry-over.ts'
import type { SubstitutedTexts } from '../../../adapters/component/files/substitute-texts.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { carryMember } from './carry-member.ts'
import { type RuledMember, withRuledTree } from './ruled-tree.ts'
import { originalsDirectory } from './places.ts'
import type { AppliedRules, TreeStep } from './types.ts'

/**
 * Makes a restored tree what its rules say, before it is swapped in: what they leave out is as it is at the target, and
 * texts are those of this site.
 *
 * Effect: files of `aside/data` removed, copied from the target, or changed; files as they were before in `aside/originals`.
 * Idempotent: yes; what was carried over is carried over again, and a text is replaced in what the file was first.
 * Heartbeat: each path of the tree.
 * Fails with: SourceUnreadable, SourceChanged, DiskFull, EpochSuperseded, and what reading the index of a backup fails with.
 */
export function applyTreeRules(agent: Agent) {
  return async (step: TreeStep, work: Work): Promise<AppliedRules> => {
    const { rules } = step.decision
    if (!rules) return nothing
    const { config } = await agent.config(step.configHash)
    const store = await agent.store(config, step.decision.fromStore)
    const deps = { verifier: await agent.verifier(config), cache: agent.cache }
    const manifest = (await readManifest(deps, store, step.system, step.component, step.decision.backup)) as FilesManifest
    const leftOut = leftOutBy(rules)
    return withRuledTree(agent, step, manifest, work, 'rules', async (tree) => {
      const applied: { readonly of: RuledMember; readonly carried: CarriedOver; readonly texts: SubstitutedTexts }[] = []
      for (const of of tree.members) {
        const { carried, copy } = await carryMember(agent, tree, of, leftOut, work)
        const originals = originalsDirectory(agent, of.member)
        const texts = await agent.files.substituteTexts(
          { ...copy, substitute: rules.substitute, index: tree.index.entries(), originalsDirectory: originals },
          { signal: work.signal, label: work.label, onProgress: (progress) => work.progress(progress) },
        )
        applied.push({ of, carried, texts })
      }
      return told(step, applied)
    })
  }
}

const nothing: AppliedRules = { carried: 0, carriedBytes: 0, leftOut: 0, substituted: [], deviations: [] }

type Applied = readonly { readonly of: RuledMember; readonly carried: CarriedOver; readonly texts: SubstitutedTexts }[]

function told(step: TreeStep, applied: Applied): AppliedRules {
  const sum = (of: (one: Applied[number]) => number) => applied.reduce((all, one) => all + of(one), 0)
  const substitute = step.decision.rules?.substitute ?? []
  const counts = substitute.map((_, rule) => {
    const count = (name: keyof Applied[number]['texts']['rules'][number]) => sum(({ texts }) => texts.rules[rule]?.[name] ?? 0)
    return { named: count('named'), files: count('files'), replaced: count('replaced'), insideWords: count('insideWords'), stoodThere: count('stoodThere') }
  })
  return {
    carried: sum(({ carried }) => carried.carried),
    carriedBytes: sum(({ carried }) => carried.bytes),
    leftOut: sum(({ carried }) => carried.leftOut),
    substituted: counts.map(({ files, replaced }) => ({ files, replaced })),
    deviations: [...counts.flatMap((count, rule) => deviationsOf(step, rule, count)), ...placesWithout(step, applied)]
      .slice(0, mostDeviations)
      .map((text) => (text.length > longestDeviation ? `${text.slice(0, longestDeviation)}…` : text)),
  }
}

interface Count {
  readonly named: number
  readonly replaced: number
  readonly insideWords: number
  readonly stoodThere: number
}

function deviationsOf({ component, decision }: TreeStep, rule: number, { named, replaced, insideWords, stoodThere }: Count): readonly string[] {
  const one = decision.rules?.substitute[rule]
  if (!one) throw new MusterError('MusterBug', `${component} has no substitution ${rule}`)
  const text = JSON.stringify(one.replace)
  const where = one.files.join(', ')
  return [
    ...(named === 0 ? [`${component}: no file is named by ${where}, so ${text} was replaced nowhere`] : []),
    ...(named > 0 && replaced === 0 ? [`${component}: ${text} stands in none of the ${named} files named by ${where}`] : []),
    ...(insideWords > 0 ? [`${component}: ${text} was left ${insideWords} times inside longer words of ${where}`] : []),
    ...(stoodThere > 0
      ? [`${component}: ${JSON.stringify(one.with)} stood ${stoodThere} times in ${where} before; on the way back it is taken for what was put in`]
      : []),
  ]
}

const mostDeviations = 20
const longestDeviation = 400

/** Counted, not named: evidence is clear text. */
function placesWithout({ component }: TreeStep, applied: Applied): readonly string[] {
  return applied.flatMap(({ of, carried, texts }) => {
    const said = (count: number, what: string) => (count > 0 ? [`${component}: ${count} ${what}`] : [])
    const { goes } = of.root
    return [
      ...said(carried.blocked.length, `names that were to stay in ${goes} have no place beside what is restored; they are in the safety set only`),
      ...said(carried.passedBy, `sockets, fifos, devices or mounted filesystems in ${goes} were not carried over`),
      ...said(texts.passedBy.length, `files in ${goes} that a substitution names are no text, or too large for it, and are as they were`),
    ]
  })
}
