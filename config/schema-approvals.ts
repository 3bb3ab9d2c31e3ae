/** Who must agree before a procedure, as people write it. */
import { z } from 'zod'
import { yesOrNo } from './schema-values.ts'

export const approvals = z.strictObject({
  count: z
    .int()
    .min(0)
    .max(5)
    .default(1)
    .meta({ description: 'How many different people must approve. Where it is more than one, who asked is not one of them.', examples: [2] }),
  accept: z
    .enum(['claimed', 'signed'])
    .default('claimed')
    .meta({
      description: 'What counts as an approval: claimed is a name typed by a person, signed is proven with the SSH key in people.',
      examples: ['signed'],
    }),
  requesterMay: yesOrNo.optional().meta({
    description: 'Whether who asks for a restore may approve it. No where two or more people may approve, else yes.',
    examples: [false],
  }),
})

export type WrittenApprovals = z.output<typeof approvals>
