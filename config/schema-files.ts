/** A component of file trees as people write it. */
import { z } from 'zod'
import { componentHost, componentStores } from './schema-component-common.ts'
import { treeRestore } from './schema-tree-restore.ts'
import { absolutePath, lineText, nameText, userName, yesOrNo } from './schema-values.ts'

export const filesComponent = z
  .strictObject({
    type: z.literal('files').meta({ description: 'One or more file trees.' }),
    host: componentHost,
    stores: componentStores,
    paths: z
      .array(absolutePath)
      .min(1)
      .meta({
        description: 'The trees. None may lie inside another or inside anything else protected.',
        examples: [['/srv/shop/uploads']],
      }),
    exclude: z
      .array(lineText)
      .default([])
      .meta({
        description:
          'Patterns of what is left out: * and ? match within a name, ** any depth; without / a name at any depth, with / in front the whole path, else the path below its tree.',
        examples: [['*.tmp', 'cache']],
      }),
    allowUnreadable: z
      .array(lineText)
      .default([])
      .meta({
        description: 'Patterns, as in exclude, of what may be unreadable without failing the backup.',
        examples: [['/srv/shop/uploads/lost+found']],
      }),
    allowEmpty: yesOrNo.default(false).meta({ description: 'Whether an empty tree is normal; otherwise it fails the backup.', examples: [true] }),
    follows: nameText.optional().meta({
      description: 'The component whose rows name these files: it is backed up first.',
      examples: ['database'],
    }),
    runAs: userName.optional().meta({
      description: "Operating-system user that reads and writes the files. The agent's own, unless configured.",
      examples: ['www-data'],
    }),
    restore: treeRestore,
  })
  .meta({ title: 'files' })
