/** `restore` of a component of type `files` as people write it: what comes back, here and on another host. */
import { z } from 'zod'
import { commandWords, lineText, yesOrNo } from './schema-values.ts'

const words = lineText.max(1024)
const patterns = z.array(lineText).min(1).max(100)
const chosen = z.union([z.literal('all'), patterns], { error: 'must be all, or a list of patterns' }).default('all')

const substitute = z.strictObject({
  files: patterns.meta({ description: 'Patterns, as in exclude, of the files in which it stands.', examples: [['/etc/shop/*.env']] }),
  replace: words.meta({ description: 'The text at home; it counts where it is a word of its own, not a part of a longer one.', examples: ['10.0.1.5'] }),
  with: words.meta({ description: 'What stands there at the site of failover. Back at home it is the other way round.', examples: ['10.0.2.5'] }),
})

export const treeRestore = z
  .strictObject({
    here: chosen.meta({
      description: 'What is restored on the host that was backed up: all, or patterns as in exclude. The rest stays as it is there.',
      examples: [['/etc/shop', '/opt/shop']],
    }),
    elsewhere: chosen.meta({
      description:
        'What is restored on another host (failover, switchover, failback): all, or patterns. The rest stays as it is there. A drill and --into restore everything.',
      examples: [['/etc/shop', '/opt/shop']],
    }),
    never: z
      .array(lineText)
      .max(100)
      .default([])
      .meta({
        description:
          'Patterns of what is never restored on another host, besides network, disks, machine identity, SSH host keys and firewall of the machine: what is there stays.',
        examples: [['/etc/shop/licence', 'host.conf']],
      }),
    neverDefaults: yesOrNo.default(true).meta({
      description:
        'Whether files of the machine stay as they are on another host (network, disks, machine identity, SSH host keys, firewall). With no, the other host becomes the first one.',
      examples: [false],
    }),
    substitute: z.array(substitute).max(50).default([]).meta({
      description:
        'Text that is another one at the site of failover, such as addresses. Two rules that give one text two others, or two texts one other, may not name the same file; where one takes it by a directory above, the first of them counts.',
    }),
    after: z
      .array(commandWords)
      .default([])
      .meta({
        description:
          'Commands run as the agent in the restored tree before it is put in place, with rules and texts applied; one word per item, never a shell line. What a rule leaves out stays as it is at the target, whatever they do to it.',
        examples: [[['chown', '-R', 'shop:', '.']]],
      }),
  })
  .prefault({})
  .meta({ description: 'How the tree is brought back.' })

export type WrittenTreeRestore = z.output<typeof treeRestore>
